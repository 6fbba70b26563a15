import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { ReleasedModel } from '@liminal/shared/contracts/release';

/** Whether a model scores the features of a row: variants of such models are compared on archived rows. */
export const takesFeatures = ({ input }: ReleasedModel): boolean =>
  input.offset === 0 && input.length === FEATURE_COUNT;
