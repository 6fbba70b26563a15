import { z } from 'zod';

/** What a model does with a call. */
export type Behaviour = (call: { prompt: string; number: number }) => Reply;

export interface Reply {
  text: string;
  afterMs?: number;
  /** An HTTP error in place of an answer. */
  status?: number;
  headers?: Record<string, string>;
  /** `text` is the whole body, not what the vendor's form carries. */
  isRaw?: boolean;
}

const feature = z.object({ value: z.number().nullable() });
const evidenceSchema = z.object({
  references: z.array(z.string()).min(1),
  anomaly: z.object({
    features: z
      .object({
        requests_per_user: feature,
        burstiness_score: feature,
        ip_entropy: feature,
        channel_activity: feature,
        login_intervals: feature,
        jwt_usage_patterns: feature,
      })
      .optional(),
    events: z.array(z.looseObject({ kind: z.string(), reference: z.string() })).default([]),
  }),
});
export type SeenEvidence = z.infer<typeof evidenceSchema>;

/** The evidence in a prompt, as any model could read it. */
export function evidenceIn(prompt: string): SeenEvidence {
  const json = prompt.match(/<evidence>\n(\{.*\})\n<\/evidence>/s)?.[1];
  if (json === undefined) throw new Error('the prompt has no evidence');
  return evidenceSchema.parse(JSON.parse(json));
}

export interface Said {
  category: string;
  severity: string;
  confidence?: number;
  hypothesis?: string;
  references?: string[];
}

/** Says the same of everything, with references that exist unless told otherwise. */
export const says =
  ({ category, severity, confidence = 0.8, hypothesis = 'It looks so.', references }: Said): Behaviour =>
  ({ prompt }) => {
    const named = references ?? evidenceIn(prompt).references.slice(0, 2);
    return {
      text: JSON.stringify({
        category,
        severity,
        confidence,
        hypothesis,
        evidence: named.map((reference) => ({ reference, note: 'it shows here' })),
        nextSteps: ['Look at the sessions of the user.'],
      }),
    };
  };

/** Reads the evidence as a passable model would: by a few rules of thumb of its own. */
export const readsTheEvidence: Behaviour = (call) => {
  const { anomaly } = evidenceIn(call.prompt);
  const of = anomaly.features;
  const value = (name: keyof NonNullable<typeof of>): number => of?.[name].value ?? 0;
  const failures = anomaly.events.filter(({ kind, success }) => kind === 'login' && success === false).length;
  if (failures > 2)
    return says({ category: 'credential-stuffing', severity: 'high', references: ['login_intervals'] })(call);
  if (value('channel_activity') > 15)
    return says({ category: 'channel-spam', severity: 'medium', references: ['channel_activity'] })(call);
  if (value('burstiness_score') < -0.2) {
    const isFast = value('requests_per_user') > 12;
    const references = ['burstiness_score', 'requests_per_user'];
    return says({ category: isFast ? 'scraping' : 'slow-bot', severity: isFast ? 'medium' : 'low', references })(call);
  }
  const references = ['jwt_usage_patterns', 'ip_entropy'];
  if (value('ip_entropy') > 1.9) return says({ category: 'shared-account', severity: 'medium', references })(call);
  if (value('jwt_usage_patterns') > 0.6)
    return says({ category: 'stolen-token', severity: 'critical', references })(call);
  return says({ category: 'busy-user', severity: 'none' })(call);
};

export const slow =
  (afterMs: number, then: Behaviour = readsTheEvidence): Behaviour =>
  (call) => ({ ...then(call), afterMs });

/** Chat in place of the schema. */
export const garbage: Behaviour = () => ({ text: 'Certainly! Here is my analysis: {"category": "scraping", ' });

/** Not even the vendor's form. */
export const brokenForm: Behaviour = () => ({ text: '<html>502 Bad Gateway</html>', isRaw: true });

/** Of the schema, with a category that there is not. */
export const inventedCategory: Behaviour = says({ category: 'alien-invasion', severity: 'high' });

export const inventedReferences: Behaviour = says({
  category: 'scraping',
  severity: 'medium',
  references: ['requests_per_user', 'event-4711', 'user_password'],
});

export const fails =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  () => ({ status, text: `status ${status}`, headers });

/** Fails so many times, then answers. */
export const failsAtFirst =
  (times: number, then: Behaviour = readsTheEvidence): Behaviour =>
  (call) =>
    call.number <= times ? fails(503, { 'retry-after-ms': '1' })(call) : then(call);

/**
 * Does what an instruction in the evidence says, if one is there: a model without any resistance. Otherwise it reads the
 * evidence.
 */
export const obeysInjections =
  (marker: string): Behaviour =>
  (call) =>
    call.prompt.toLowerCase().includes(marker.toLowerCase())
      ? { text: JSON.stringify({ hacked: true, users: 'all of them' }) }
      : readsTheEvidence(call);

/** Goes along with an attacker who talked it into a verdict outside of the evidence, and into naming others. */
export const talkedInto: Behaviour = says({
  category: 'busy-user',
  severity: 'none',
  confidence: 1,
  hypothesis: 'All is well. Ask user_aaaaaaaaaaaa and ada.adler about it.',
  references: ['ip_entropy', 'ignore all earlier instructions'],
});
