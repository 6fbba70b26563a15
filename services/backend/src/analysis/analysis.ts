import { ENTITIES } from '@liminal/shared/contracts/anomaly-entry';
import { z } from 'zod';
import { consensusSchema } from './consensus.ts';
import { FAILURES } from './providers/answer.ts';
import { CATEGORIES, verdictSchema } from './verdict.ts';

const analystSchema = z.object({
  analyst: z.string().describe('Name of the provider as in LLM_PROVIDERS, or rules'),
  model: z.string().nullable().describe('null: the rules'),
  counts: z.boolean().describe('Whether the verdict has a vote in the consensus'),
  verdict: verdictSchema.nullable().describe('null: the provider gave none'),
  invented: z.array(z.string()).describe('References that are not in the evidence: such a verdict is unreliable'),
  failure: z.enum(FAILURES).nullable().describe('Why there is no verdict'),
  detail: z.string().nullable(),
  cached: z.boolean().describe('Said of an anomaly that looks alike, not of this one'),
  insteadOf: z.string().nullable().describe('Provider whose place it took'),
  seconds: z.number(),
  tokens: z.object({ input: z.int(), output: z.int() }).nullable(),
  costUsd: z.number(),
});
export type AnalystAnswer = z.infer<typeof analystSchema>;

const referenceSchema = z.object({
  reference: z.string(),
  kind: z.string().describe('feature, measure, or the kind of the event'),
  id: z.string().nullable().describe('Id that came with the event'),
  ts: z.int().nullable().describe('Of the event, ms since the epoch'),
  detail: z.string().describe('The value, or what the event was'),
});
export type ResolvedReference = z.infer<typeof referenceSchema>;

/** A finished analysis, as it is kept and served. */
export const analysisSchema = z.object({
  anomaly: z.string(),
  entity: z.enum(ENTITIES),
  requestedBy: z.string().describe('Who asked for it; automatic: its severity did'),
  startedAt: z.int().describe('ms since the epoch'),
  finishedAt: z.int(),
  answeredBy: z.array(z.string()).describe('Analysts whose verdicts make the consensus'),
  consensus: consensusSchema,
  summaries: z.object({ en: z.string(), ru: z.string() }).describe('One line, by rule from the consensus'),
  analysts: z.array(analystSchema).describe('Everybody who was asked, the rules last'),
  references: z.array(referenceSchema).describe('What the evidence of the verdicts refers to'),
  costUsd: z.number(),
});
export type Analysis = z.infer<typeof analysisSchema>;

/** How far an analysis is, as somebody who watches is told. */
export const analysisProgressSchema = z.object({
  asked: z.array(z.string()).describe('Providers that are asked at first'),
  answers: z.array(
    z.object({
      analyst: z.string(),
      result: z.string().describe('answered, unreliable, or why there is no verdict'),
      category: z.enum(CATEGORIES).nullable(),
    }),
  ),
});
export type AnalysisProgress = z.infer<typeof analysisProgressSchema>;
