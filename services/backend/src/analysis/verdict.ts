import { z } from 'zod';

/** Kinds of attack, as packages/simulator plays them and labels say them. */
export const ATTACK_CATEGORIES = [
  'credential-stuffing',
  'scraping',
  'stolen-token',
  'shared-account',
  'channel-spam',
  'slow-bot',
] as const;
/** Unusual, and nothing to act on. */
export const BENIGN_CATEGORIES = ['busy-user', 'changed-network', 'unusual-rhythm'] as const;
/** What happens to the platform as a whole. */
export const PLATFORM_CATEGORIES = ['load-surge', 'load-drop', 'degradation'] as const;
export const CATEGORIES = [...ATTACK_CATEGORIES, ...BENIGN_CATEGORIES, ...PLATFORM_CATEGORIES, 'unknown'] as const;
export type Category = (typeof CATEGORIES)[number];

/** How bad it is if the hypothesis is right, from nothing to act on up to acting now. */
export const VERDICT_SEVERITIES = ['none', 'low', 'medium', 'high', 'critical'] as const;
export type VerdictSeverity = (typeof VERDICT_SEVERITIES)[number];

export const isBenign = (category: Category): boolean => (BENIGN_CATEGORIES as readonly string[]).includes(category);

/** What each category means: providers are told so, and docs/analysis.md shows it. */
export const CATEGORY_MEANINGS: Record<Category, string> = {
  'credential-stuffing': 'passwords are tried on the account: sign-in attempts seconds apart, hardly any requests',
  scraping: 'a program reads the content of the platform far faster than people read',
  'stolen-token':
    'a second party shows the token of a session that its owner still uses: one token, two to four clients',
  'shared-account':
    'several people in different places use one account at once: five clients or more, some with one token',
  'channel-spam': 'channel after channel is joined and posted to, faster than people type',
  'slow-bot': 'a program asks at even intervals, not fast, for a long time',
  'busy-user': 'a person does more than usual, in the way that people do',
  'changed-network': 'a person moves between networks or devices',
  'unusual-rhythm': 'a person is active in an unusual rhythm',
  'load-surge': 'the platform, or a part of it, is used far more than expected',
  'load-drop': 'the platform, or a part of it, is used far less than expected',
  degradation: 'the platform fails or slows down more than expected',
  unknown: 'the evidence supports none of these',
};

/** The severity that a category has unless the evidence says otherwise. */
export const USUAL_SEVERITY: Record<Category, VerdictSeverity> = {
  'credential-stuffing': 'high',
  scraping: 'medium',
  'stolen-token': 'critical',
  'shared-account': 'medium',
  'channel-spam': 'medium',
  'slow-bot': 'low',
  'busy-user': 'none',
  'changed-network': 'none',
  'unusual-rhythm': 'none',
  'load-surge': 'medium',
  'load-drop': 'high',
  degradation: 'high',
  unknown: 'low',
};

const LONGEST_TEXT = 1_500;
const LONGEST_NOTE = 500;
export const MOST_REFERENCES = 12;
const MOST_STEPS = 8;

/**
 * What a provider is asked for. Without bounds, since not every provider's structured output knows them; `verdictSchema` has
 * the bounds, and decides.
 */
export const askedVerdictSchema = z.object({
  category: z.enum(CATEGORIES),
  severity: z.enum(VERDICT_SEVERITIES),
  confidence: z.number().describe('From 0 to 1: the chance that category is right'),
  hypothesis: z.string().describe('What happened, in two or three sentences'),
  evidence: z
    .array(
      z.object({
        reference: z.string().describe('Exactly one entry of the list "references"'),
        note: z.string().describe('What it shows'),
      }),
    )
    .describe(`1 to ${MOST_REFERENCES} entries, the strongest first`),
  nextSteps: z.array(z.string()).describe(`1 to ${MOST_STEPS} things for an analyst to do, the first first`),
});

/** What is taken of a provider or of the rules. */
export const verdictSchema = z.object({
  category: z.enum(CATEGORIES),
  severity: z.enum(VERDICT_SEVERITIES),
  confidence: z.number().min(0).max(1),
  hypothesis: z.string().trim().min(1).max(LONGEST_TEXT),
  evidence: z
    .array(z.object({ reference: z.string().min(1).max(200), note: z.string().trim().max(LONGEST_NOTE) }))
    .min(1)
    .max(MOST_REFERENCES),
  nextSteps: z.array(z.string().trim().min(1).max(LONGEST_NOTE)).min(1).max(MOST_STEPS),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** References that nothing in the evidence bears: the verdict that has one was not made from the evidence alone. */
export function inventedReferences(verdict: Verdict, references: ReadonlySet<string>): string[] {
  const invented = verdict.evidence.map(({ reference }) => reference).filter((reference) => !references.has(reference));
  return [...new Set(invented)];
}
