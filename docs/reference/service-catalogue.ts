import { environment as retrainerEnvironment } from '@liminal/auto-retrainer/config';
import { ERRORS as retrainerErrors } from '@liminal/auto-retrainer/errors';
import { createMetrics as createRetrainerMetrics } from '@liminal/auto-retrainer/metrics';
import { environment as backendEnvironment } from '@liminal/backend/config';
import { ERRORS as backendErrors } from '@liminal/backend/errors';
import { createMetrics as createBackendMetrics } from '@liminal/backend/metrics';
import { environment as extractorEnvironment } from '@liminal/feature-extractor/config';
import { ERRORS as extractorErrors } from '@liminal/feature-extractor/errors';
import { createMetrics as createExtractorMetrics } from '@liminal/feature-extractor/metrics';
import { environment as kenningEnvironment } from '@liminal/kenning/config';
import { ERRORS as kenningErrors } from '@liminal/kenning/errors';
import { createMetrics as createKenningMetrics } from '@liminal/kenning/metrics';
import { environment as predictorEnvironment } from '@liminal/predictor/config';
import { ERRORS as predictorErrors } from '@liminal/predictor/errors';
import { createMetrics as createPredictorMetrics } from '@liminal/predictor/metrics';
import type { ErrorCatalogue } from '@liminal/shared/runtime/errors';
import type { Registry } from 'prom-client';
import type { z } from 'zod';

/** What a service declares in its config.ts, errors.ts and metrics.ts. */
export interface ServiceDeclaration {
  name: string;
  environment: z.ZodRawShape;
  errors: ErrorCatalogue;
  /** Declares its metrics, as they are before any work. */
  createMetrics(registry: Registry): unknown;
}

const nothingSpent = { usd: 0, tokens: 0 };
const nobodyAsked = { providers: [], readSpentRatios: async () => ({ hour: nothingSpent, day: nothingSpent }) };
const holdsNothing = { partitions: () => 0, cachedUsers: () => 0, archivedRows: () => 0 };

export const SERVICE_DECLARATIONS: readonly ServiceDeclaration[] = [
  {
    name: 'backend',
    environment: backendEnvironment,
    errors: backendErrors,
    createMetrics: (registry) =>
      createBackendMetrics(registry, {
        pipeline: { lag: async () => [], oldestWaiting: async () => ({}) },
        precision: async () => [],
        analysis: nobodyAsked,
      }),
  },
  {
    name: 'feature-extractor',
    environment: extractorEnvironment,
    errors: extractorErrors,
    createMetrics: (registry) => createExtractorMetrics(registry, holdsNothing),
  },
  {
    name: 'predictor',
    environment: predictorEnvironment,
    errors: predictorErrors,
    createMetrics: (registry) => createPredictorMetrics(registry, holdsNothing),
  },
  {
    name: 'auto-retrainer',
    environment: retrainerEnvironment,
    errors: retrainerErrors,
    createMetrics: createRetrainerMetrics,
  },
  {
    name: 'kenning',
    environment: kenningEnvironment,
    errors: kenningErrors,
    createMetrics: (registry) => createKenningMetrics(registry, holdsNothing),
  },
];
