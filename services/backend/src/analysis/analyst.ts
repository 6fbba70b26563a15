import type { Analysis, AnalysisProgress, AnalystAnswer } from './analysis.ts';
import { consensusOf, type Vote } from './consensus.ts';
import { type Evidence, referencesOf } from './evidence.ts';
import { outgoingEvidence } from './outgoing.ts';
import { type Asked, askPanel, counts } from './panel.ts';
import { promptFor } from './prompt.ts';
import type { Answer } from './providers/answer.ts';
import type { Provider } from './providers/provider.ts';
import { Pseudonyms } from './pseudonyms.ts';
import { resolveReferences } from './references.ts';
import { judgeByRules, RULE_ANALYST } from './rule-analyst.ts';
import { signatureOf, transferableVerdict } from './signature.ts';
import { summariseAnalysis } from './summary.ts';
import type { Verdict } from './verdict.ts';

/** Where answers are kept: of this anomaly, so that nobody is asked twice, and of those that look like it. */
export interface AnswerStore {
  ownAnswer(anomaly: string, provider: string): Promise<Answer | undefined>;
  keepOwnAnswer(anomaly: string, provider: string, answer: Answer): Promise<void>;
  verdictOfSignature(provider: string, signature: string): Promise<Verdict | undefined>;
  keepVerdictOfSignature(provider: string, signature: string, verdict: Verdict): Promise<void>;
}

export interface AnalystOptions {
  providers: readonly Provider[];
  /** Providers that are asked at once; the others stand in. */
  panel: number;
  store: AnswerStore;
  /** Key of today's pseudonyms. */
  pseudonymKey(): Promise<Uint8Array>;
  onCached(provider: string): void;
  now(): number;
}

export interface AnalyseOptions {
  requestedBy: string;
  /** Whether verdicts on anomalies that look alike are not to be taken. */
  isFresh: boolean;
  signal: AbortSignal;
  onProgress(progress: AnalysisProgress): void;
}

interface CachedOr {
  answer: Answer;
  isCached: boolean;
}

/** Analyses anomalies: by the providers as far as they answer, and by the rules beside or instead of them. */
export class Analyst {
  readonly #options: AnalystOptions;

  constructor(options: AnalystOptions) {
    this.#options = options;
  }

  async analyse(evidence: Evidence, { requestedBy, isFresh, signal, onProgress }: AnalyseOptions): Promise<Analysis> {
    const startedAt = this.#options.now();
    const asked = await this.#askProviders(evidence, { isFresh, signal, onProgress });
    const rules = ruleAnswer(judgeByRules(evidence), !asked.some(({ counts: has }) => has));
    const analysts = [...asked, rules];
    const votes = analysts.flatMap(({ analyst, verdict, counts: has }): Vote[] =>
      has && verdict !== null ? [{ analyst, verdict }] : [],
    );
    const consensus = consensusOf(votes);
    const references = analysts.flatMap(({ verdict }) => verdict?.evidence.map(({ reference }) => reference) ?? []);
    return {
      anomaly: evidence.anomaly,
      entity: evidence.entity,
      requestedBy,
      startedAt,
      finishedAt: this.#options.now(),
      answeredBy: votes.map(({ analyst }) => analyst),
      consensus,
      summaries: { en: summariseAnalysis(consensus, votes, 'en'), ru: summariseAnalysis(consensus, votes, 'ru') },
      analysts,
      references: resolveReferences(evidence, references),
      costUsd: analysts.reduce((sum, { costUsd }) => sum + costUsd, 0),
    };
  }

  async #askProviders(
    evidence: Evidence,
    { isFresh, signal, onProgress }: Omit<AnalyseOptions, 'requestedBy'>,
  ): Promise<AnalystAnswer[]> {
    const { providers, panel, pseudonymKey } = this.#options;
    if (providers.length === 0) return [];
    const pseudonyms = new Pseudonyms(await pseudonymKey(), evidence.anomaly);
    const prompt = promptFor(outgoingEvidence(evidence, pseudonyms));
    const references = referencesOf(evidence);
    const signature = signatureOf(evidence);
    const cached = new Set<string>();
    const progress: AnalysisProgress = { asked: providers.slice(0, panel).map(({ name }) => name), answers: [] };
    onProgress(progress);
    const asked = await askPanel(providers, panel, async (provider) => {
      const { answer, isCached } = await this.#askOnce(
        provider,
        evidence.anomaly,
        isFresh ? undefined : signature,
        () => provider.ask(prompt, references, signal),
      );
      if (isCached) cached.add(provider.name);
      progress.answers.push(progressOf(provider.name, answer));
      onProgress(progress);
      return answer;
    });
    return asked.map((of) => toAnalystAnswer(of, cached.has(of.member.name), pseudonyms));
  }

  async #askOnce(
    { name }: Provider,
    anomaly: string,
    signature: string | undefined,
    ask: () => Promise<Answer>,
  ): Promise<CachedOr> {
    const { store, onCached } = this.#options;
    const own = await store.ownAnswer(anomaly, name);
    if (own !== undefined) return { answer: own, isCached: false };
    const alike = signature === undefined ? undefined : await store.verdictOfSignature(name, signature);
    if (alike !== undefined) {
      onCached(name);
      return { answer: cachedAnswer(alike), isCached: true };
    }
    const answer = await ask();
    if (counts(answer)) {
      await store.keepOwnAnswer(anomaly, name, answer);
      const transferable = transferableVerdict(answer.verdict);
      if (transferable !== undefined && signature !== undefined)
        await store.keepVerdictOfSignature(name, signature, transferable);
    }
    return { answer, isCached: false };
  }
}

const cachedAnswer = (verdict: Verdict): Answer => ({
  result: 'answered',
  verdict,
  invented: [],
  tokens: { input: 0, output: 0 },
  costUsd: 0,
  seconds: 0,
});

const progressOf = (analyst: string, answer: Answer): AnalysisProgress['answers'][number] => ({
  analyst,
  result: answer.result === 'failed' ? answer.reason : counts(answer) ? 'answered' : 'unreliable',
  category: counts(answer) ? answer.verdict.category : null,
});

function toAnalystAnswer(
  { member, answer, insteadOf }: Asked<Provider>,
  cached: boolean,
  pseudonyms: Pseudonyms,
): AnalystAnswer {
  const isAnswered = answer.result === 'answered';
  return {
    analyst: member.name,
    model: member.model,
    counts: counts(answer),
    verdict: isAnswered ? withIdentities(answer.verdict, pseudonyms) : null,
    invented: isAnswered ? answer.invented : [],
    failure: isAnswered ? null : answer.reason,
    detail: isAnswered ? null : answer.detail,
    cached,
    insteadOf: insteadOf ?? null,
    seconds: answer.seconds,
    tokens: isAnswered ? answer.tokens : null,
    costUsd: answer.costUsd,
  };
}

/** For people inside: who is meant by the pseudonyms. */
function withIdentities(verdict: Verdict, pseudonyms: Pseudonyms): Verdict {
  return {
    ...verdict,
    hypothesis: pseudonyms.resolve(verdict.hypothesis),
    evidence: verdict.evidence.map(({ reference, note }) => ({ reference, note: pseudonyms.resolve(note) })),
    nextSteps: verdict.nextSteps.map((step) => pseudonyms.resolve(step)),
  };
}

const ruleAnswer = (verdict: Verdict, has: boolean): AnalystAnswer => ({
  analyst: RULE_ANALYST,
  model: null,
  counts: has,
  verdict,
  invented: [],
  failure: null,
  detail: null,
  cached: false,
  insteadOf: null,
  seconds: 0,
  tokens: null,
  costUsd: 0,
});
