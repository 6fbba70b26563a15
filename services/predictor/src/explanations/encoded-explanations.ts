import { encodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { expectationsOf } from '../explain/expectations.ts';
import { summarise } from '../explain/summary.ts';
import type { AnomalyTask, EncodedExplanation } from './explanation-task.ts';
import type { ReleaseExplainer } from './release-explainer.ts';

/** What is stored of anomalies, made whole here, so that nothing of it is left to the event loop that scores. */
export async function encodedExplanations(
  explainer: ReleaseExplainer,
  anomalies: readonly AnomalyTask[],
): Promise<EncodedExplanation[]> {
  const shaps = await explainer.explainAnomalies(anomalies);
  return anomalies.map(({ inputs, history }, index) => {
    const shap = shaps[index]!;
    const { expectations, userVectors } = expectationsOf(explainer.everyone, history);
    const vector = { values: inputs.subarray(0, FEATURE_COUNT), shapValues: shap.shapValues, expectations };
    const summaries = { en: summarise(vector, 'en'), ru: summarise(vector, 'ru') };
    const encoded = encodeExplanation({ shap, expectations, userVectors, summaries });
    // A copy: it lies in a pool of the encoder, all of which would cross threads with it.
    return { bytes: Uint8Array.from(encoded), gap: shap.gap };
  });
}
