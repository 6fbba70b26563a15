import { Combination } from '@liminal/shared/calibration/combination';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import { auroc } from '../evaluation/ranking.ts';
import type { JudgedVectors } from './judged-vectors.ts';

/** How well a release tells right alarms from false ones. */
export interface LabelledSeparation {
  right: number;
  wrong: number;
  /** NaN unless there are both. */
  auroc: number;
}

/**
 * By the tail-extended p-value: nearly all that was judged has alarmed, and below 1/(n + 1) the valid p-value tells nothing
 * apart.
 */
export async function labelledSeparation(
  { manifest, combination }: LoadedRelease,
  release: OpenRelease,
  { inputs, labels }: JudgedVectors,
): Promise<LabelledSeparation> {
  const right = labels.reduce((sum, label) => sum + label, 0);
  const wrong = labels.length - right;
  if (right === 0 || wrong === 0) return { right, wrong, auroc: Number.NaN };
  const combined = combination && new Combination(combination);
  const strangeness = ({ scores }: ScoredVector): number => {
    if (manifest.combination.method === 'single') return scores[manifest.combination.model]?.score ?? 0;
    return -combined!.combine(combined!.models.map((name) => scores[name]?.score ?? Number.NaN)).tailPValue;
  };
  const scored = await release.score(inputs, inputs.length / MODEL_INPUT_LENGTH);
  return { right, wrong, auroc: auroc({ scores: scored.map(strangeness), labels }) };
}
