import type { AlarmPolicy } from '@liminal/shared/contracts/alarm-policy';
import type { Severity, Suppressed, SuppressionReason } from '@liminal/shared/contracts/prediction';
import { type Matcher, matcherOf } from '@liminal/shared/contracts/suppression';
import { severityOf } from './severity.ts';

/** A vector as it was scored. */
export interface ScoredForAlarm {
  user: string;
  ts: number;
  /** The features in their order, NaN = not observed, `predicted_user_load` filled in. */
  values: ArrayLike<number>;
  pValue: number;
  smallestPValue: number;
}

export interface AlarmDecision {
  severity: Severity;
  /** Only where it would have alarmed. */
  suppressed?: Suppressed;
}

interface Rule extends Matcher {
  id: string;
}

/**
 * Whether a scored vector alarms, by the operator's rate and by what analysts have decided. A vector that does not alarm at
 * the operator's rate, as 99 of 100 do, costs one comparison; the others are compared with the rules for their user and
 * with those for everybody.
 */
export class DecidedAlarms {
  readonly #policy: AlarmPolicy;
  readonly #everybody: Rule[] = [];
  readonly #ofUsers = new Map<string, Rule[]>();
  readonly #factors: ReadonlyMap<string, number>;

  constructor(policy: AlarmPolicy) {
    this.#policy = policy;
    this.#factors = new Map(policy.thresholds.users);
    for (const match of policy.rules) {
      const rule = { id: match.id, ...matcherOf(match) };
      if (match.user === null) this.#everybody.push(rule);
      else this.#ofUsers.set(match.user, [...(this.#ofUsers.get(match.user) ?? []), rule]);
    }
  }

  get revision(): number {
    return this.#policy.revision;
  }

  get rules(): number {
    return this.#policy.rules.length;
  }

  /**
   * A rate that is lowered never goes below the smallest p-value that the vector could have had: what is more extreme than
   * everything that the release was calibrated on alarms whatever its user's past, unless a rule is about it.
   */
  decide(vector: ScoredForAlarm, alertRate: number, isProvisional: boolean): AlarmDecision {
    const { pValue, smallestPValue } = vector;
    const severity = severityOf(pValue, alertRate, isProvisional);
    if (severity === 'none') return { severity };
    const rule = this.#ruleFor(vector);
    if (rule !== undefined) return held(severity, 'rule', rule.id);
    const { global } = this.#policy.thresholds;
    const ofUser = this.#factors.get(vector.user) ?? 1;
    const lowered = (factor: number): number => Math.min(alertRate, Math.max(alertRate * factor, smallestPValue));
    if (pValue > lowered(ofUser)) return held(severity, 'user-threshold', null);
    if (pValue > lowered(global)) return held(severity, 'global-threshold', null);
    return { severity: severityOf(pValue, lowered(Math.min(ofUser, global)), isProvisional) };
  }

  #ruleFor(vector: ScoredForAlarm): Rule | undefined {
    const isAbout = (rule: Rule): boolean => rule.matches(vector);
    return this.#ofUsers.get(vector.user)?.find(isAbout) ?? this.#everybody.find(isAbout);
  }
}

const held = (severity: Severity, reason: SuppressionReason, rule: string | null): AlarmDecision => ({
  severity: 'none',
  suppressed: { severity, reason, rule },
});
