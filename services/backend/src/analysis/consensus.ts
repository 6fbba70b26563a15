import { z } from 'zod';
import { CATEGORIES, type Category, VERDICT_SEVERITIES, type Verdict, type VerdictSeverity } from './verdict.ts';

/** How far those who count agree on the category. `split`: no category has more votes than every other. */
export const AGREEMENTS = ['unanimous', 'majority', 'split', 'single', 'none'] as const;

export interface Vote {
  analyst: string;
  verdict: Verdict;
}

const position = z.object({
  category: z.enum(CATEGORIES),
  severities: z.partialRecord(z.enum(VERDICT_SEVERITIES), z.array(z.string())).describe('Who says which severity'),
  analysts: z.array(z.string()),
  confidence: z.object({ lowest: z.number(), highest: z.number() }).describe('Of those who hold it'),
});

export const consensusSchema = z.object({
  agreement: z.enum(AGREEMENTS).describe('How far the analysts whose verdicts count agree on the category'),
  category: z.enum(CATEGORIES).nullable().describe('null: no category has more votes than every other'),
  severity: z
    .enum(VERDICT_SEVERITIES)
    .nullable()
    .describe('The one with most votes among those who hold the category, the worst of several; null as the category'),
  isSeverityContested: z.boolean().describe('Those who hold the category differ on the severity'),
  positions: z.array(position).describe('Every category that somebody holds, most votes first'),
  dissent: z.array(z.string()).describe('Analysts who hold another category'),
  votes: z.int().describe('Verdicts that count: reliable ones'),
});
export type Consensus = z.infer<typeof consensusSchema>;
type Position = z.infer<typeof position>;

const rank = (severity: VerdictSeverity): number => VERDICT_SEVERITIES.indexOf(severity);

/**
 * What reliable verdicts come to, one vote an analyst. Nothing is averaged: whoever holds another category or severity
 * stands in it by name, and without a category that has most votes there is none.
 */
export function consensusOf(votes: readonly Vote[]): Consensus {
  const positions = positionsOf(votes);
  const [first, second] = positions;
  if (first === undefined) return { ...contested('none', positions), votes: 0 };
  const isSplit = second !== undefined && second.analysts.length === first.analysts.length;
  if (isSplit) return { ...contested('split', positions), votes: votes.length };
  return {
    agreement: votes.length === 1 ? 'single' : second === undefined ? 'unanimous' : 'majority',
    category: first.category,
    severity: severityOf(first),
    isSeverityContested: Object.keys(first.severities).length > 1,
    positions,
    dissent: positions.slice(1).flatMap(({ analysts }) => analysts),
    votes: votes.length,
  };
}

const contested = (agreement: 'none' | 'split', positions: Position[]) => ({
  agreement,
  category: null,
  severity: null,
  isSeverityContested: false,
  positions,
  dissent: [],
});

function positionsOf(votes: readonly Vote[]): Position[] {
  const byCategory = Map.groupBy(votes, ({ verdict }) => verdict.category);
  return [...byCategory]
    .map(([category, held]) => toPosition(category, held))
    .sort(
      (left, right) =>
        right.analysts.length - left.analysts.length ||
        CATEGORIES.indexOf(left.category) - CATEGORIES.indexOf(right.category),
    );
}

function toPosition(category: Category, held: readonly Vote[]): Position {
  const severities: Position['severities'] = {};
  for (const { analyst, verdict } of held) {
    severities[verdict.severity] = [...(severities[verdict.severity] ?? []), analyst];
  }
  const confidences = held.map(({ verdict }) => verdict.confidence);
  return {
    category,
    severities,
    analysts: held.map(({ analyst }) => analyst),
    confidence: { lowest: Math.min(...confidences), highest: Math.max(...confidences) },
  };
}

/** Most votes; of several the worst, since too much alarm costs less than too little. */
function severityOf({ severities }: Position): VerdictSeverity {
  const held = Object.entries(severities) as [VerdictSeverity, string[]][];
  held.sort(([left, of], [right, others]) => others.length - of.length || rank(right) - rank(left));
  return held[0]![0];
}
