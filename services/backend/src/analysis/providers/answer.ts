import type { Verdict } from '../verdict.ts';
import { CALL_FAILURES, type Tokens } from './ask.ts';

/** Why a provider gave no verdict. */
export const FAILURES = [...CALL_FAILURES, 'circuit-open', 'over-budget'] as const;
export type Failure = (typeof FAILURES)[number];

/** Results of asking a provider, as metrics count them. `unreliable`: its evidence refers to what there is not. */
export const CALL_RESULTS = ['answered', 'unreliable', 'cached', ...FAILURES] as const;

/** What came of asking one provider. */
export type Answer =
  | { result: 'answered'; verdict: Verdict; invented: string[]; tokens: Tokens; costUsd: number; seconds: number }
  | { result: 'failed'; reason: Failure; detail: string; costUsd: number; seconds: number };
