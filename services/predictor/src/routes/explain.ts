import {
  ADDITIVITY_TOLERANCE,
  byFeature,
  type Quantity,
  toExpected,
  toShap,
} from '@liminal/shared/contracts/explanation';
import {
  decodeFeatureVector,
  FEATURE_COUNT,
  FEATURE_NAMES,
  PREDICTED_USER_LOAD,
} from '@liminal/shared/contracts/feature-vector';
import { featuresKey, predictionKey } from '@liminal/shared/contracts/keys';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { namedFeatures } from '@liminal/shared/contracts/prediction';
import { decodePrediction } from '@liminal/shared/contracts/prediction-batch';
import { toVector, type VectorBody } from '@liminal/shared/contracts/vector-body';
import type { OpenRelease } from '@liminal/shared/release/open-release';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { severityOf } from '../alarms/severity.ts';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { everyoneOf, expectationsOf } from '../explain/expectations.ts';
import { DEFAULT_LIME } from '../explain/lime.ts';
import { summarise } from '../explain/summary.ts';
import { TrainingDistribution } from '../explain/training-distribution.ts';
import { takesFeatures } from '../explanations/explained-value.ts';
import {
  COMBINED,
  ExplanationRefusedError,
  METHODS,
  type Target,
  type VectorExplanation,
} from '../explanations/explanation-task.ts';
import { type Explanations, ExplanationsLostError } from '../explanations/explanations.ts';
import { readHistories } from '../history/user-history.ts';
import type { Metrics } from '../metrics.ts';
import {
  choicesShape,
  type ExplainChoices,
  type Explained,
  explainBodySchema,
  explainedSchema,
  MAX_EXPLAINED_VECTORS,
} from './explain-schema.ts';

/** Vectors that may wait: a few seconds of work. */
const MOST_WAITING = 128;
/** Room for calls that are far too large, which are told so. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** A vector to explain, and whose it is where that is known. */
interface Asked {
  user?: string;
  ts?: number | undefined;
  values: Float32Array;
}

export interface ExplainRoutesOptions {
  redis: Redis;
  config: Config;
  explanations: Explanations;
  /** The serving release; throws why there is none. */
  release(): OpenRelease;
  metrics: Metrics;
}

export function addExplainRoutes(http: HttpServer, options: ExplainRoutesOptions): void {
  const { redis, explanations, metrics } = options;
  const { partitions, anomalyAlertRate } = options.config;

  http.post(
    '/explain',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        tags: ['explanations'],
        summary: 'Explains vectors, or the newest vector of a user, with the release that serves now',
        body: explainBodySchema,
        response: { 200: z.object({ explanations: z.array(explainedSchema) }) },
      },
      // Before thousands of vectors are looked at one by one.
      preValidation: async ({ body }) => refuseTooMany(body),
    },
    async ({ body }) => {
      const { features, loadHistory, ts, vectors, user, ...choices } = body;
      if (user !== undefined) return { explanations: [await explain(await newestVector(user), choices)] };
      const bodies: VectorBody[] = vectors ?? [
        { features: features!, ...(loadHistory && { loadHistory }), ...(ts !== undefined && { ts }) },
      ];
      const asked = bodies.map((one, index) => finiteVector(one, vectors === undefined ? '' : `vectors.${index}.`));
      return { explanations: await Promise.all(asked.map((vector) => explain(vector, choices))) };
    },
  );

  http.get(
    '/explain/:user',
    {
      schema: {
        tags: ['explanations'],
        summary: 'Explains the latest prediction of a user, with the release that serves now',
        params: z.object({ user: z.string().min(1) }),
        querystring: z.strictObject(choicesShape),
        response: { 200: explainedSchema },
      },
    },
    async ({ params: { user }, query }) => {
      const bytes = await redis.getBuffer(predictionKey(partitionOf(user, partitions), user));
      if (bytes === null) throw errors('LIMINAL_ERR_PREDICTION_UNKNOWN_USER', { user });
      const { ts, values } = decodePrediction(bytes);
      return explain({ user, ts, values }, query);
    },
  );

  async function newestVector(user: string): Promise<Asked> {
    const bytes = await redis.getBuffer(featuresKey(partitionOf(user, partitions), user));
    if (bytes === null) throw errors('LIMINAL_ERR_PREDICTION_UNKNOWN_USER', { user });
    return decodeFeatureVector(bytes);
  }

  async function explain(asked: Asked, choices: ExplainChoices): Promise<Explained> {
    const release = options.release();
    const quantity = quantityOf(release, choices);
    if (explanations.waiting >= MOST_WAITING) {
      throw errors('LIMINAL_ERR_EXPLANATION_BUSY', { waiting: explanations.waiting, retryAfterSeconds: 1 });
    }
    const { user, ts, values } = asked;
    const startedAt = performance.now();
    const [explanation, history] = await Promise.all([
      explained({
        inputs: modelInputs([{ values, ts }]),
        target: choices.model,
        quantity,
        perturbation: choices.perturbation,
        methods: choices.method === 'all' ? METHODS : [choices.method],
        alertRate: anomalyAlertRate,
      }),
      user === undefined ? new Float32Array() : historyOf(user),
    ]);
    metrics.explanationDuration.labels('on-demand').observe((performance.now() - startedAt) / 1000);
    if ((explanation.shap?.gap ?? 0) > ADDITIVITY_TOLERANCE) metrics.additivityMisses.inc();
    return toExplained(asked, choices, quantity, explanation, history, release);
  }

  async function explained(task: Parameters<Explanations['explain']>[0]): Promise<VectorExplanation> {
    try {
      return await explanations.explain(task);
    } catch (error) {
      if (error instanceof ExplanationRefusedError) throw errors(error.code, { model: task.target });
      if (error instanceof ExplanationsLostError) {
        throw errors('LIMINAL_ERR_EXPLANATION_LOST', { retryAfterSeconds: 1 }, { cause: error });
      }
      throw error;
    }
  }

  async function historyOf(user: string): Promise<Float32Array> {
    return (await readHistories(redis, partitionOf(user, partitions), new Set([user]))).get(user)!;
  }

  function toExplained(
    { user, ts, values }: Asked,
    { model, lang }: ExplainChoices,
    quantity: Quantity,
    { release: id, provisional, scored, value, shap, lime, agreement, counterfactual }: VectorExplanation,
    history: Float32Array,
    release: OpenRelease,
  ): Explained {
    const features = values.slice(0, FEATURE_COUNT);
    features[PREDICTED_USER_LOAD] = scored.predictedLoad;
    const everyone = everyoneOf(new TrainingDistribution(release.manifest.referenceProfile));
    const { expectations, userVectors } = expectationsOf(everyone, history);
    const severity = severityOf(scored.pValue, anomalyAlertRate, provisional);
    const found = counterfactual?.found;
    return {
      ...(user !== undefined && { user }),
      ...(ts !== undefined && { ts }),
      release: id,
      provisional,
      model,
      scores: scored.scores,
      pValue: scored.pValue,
      severity,
      anomaly: severity !== 'none',
      features: namedFeatures(features),
      notObserved: FEATURE_NAMES.filter((_, feature) => Number.isNaN(features[feature])),
      quantity,
      value,
      shap: shap && toShap(shap),
      lime: lime && {
        ...lime,
        coefficients: byFeature((feature) => lime.coefficients[feature]!),
        samples: DEFAULT_LIME.samples,
        runs: DEFAULT_LIME.runs,
      },
      agreement,
      counterfactual: counterfactual && {
        found: found !== null,
        changes: (found?.changes ?? []).map((change) => ({ ...change, feature: FEATURE_NAMES[change.feature]! })),
        distance: found?.distance ?? null,
        pValue: found?.pValue ?? null,
      },
      expected: toExpected(expectations),
      userVectors,
      summary: shap && summarise({ values: features, shapValues: shap.shapValues, expectations }, lang),
    };
  }
}

function refuseTooMany(body: unknown): void {
  const vectors = (body as { vectors?: unknown } | null)?.vectors;
  if (Array.isArray(vectors) && vectors.length > MAX_EXPLAINED_VECTORS) {
    throw errors('LIMINAL_ERR_EXPLANATION_TOO_MANY', { limit: MAX_EXPLAINED_VECTORS, vectors: vectors.length });
  }
}

/** JSON has larger numbers than float32, which models take. */
function finiteVector(body: VectorBody, path: string): Asked {
  const vector = toVector(body);
  const feature = vector.values.findIndex((value) => Math.abs(value) === Number.POSITIVE_INFINITY);
  if (feature >= 0) {
    const name = FEATURE_NAMES[feature] ?? 'loadHistory';
    throw errors('LIMINAL_ERR_EXPLANATION_NOT_FINITE', { path: `${path}${name}` });
  }
  return vector;
}

/** What is explained of a model unless asked for otherwise; throws where that has no meaning. */
function quantityOf(release: OpenRelease, { model, quantity, perturbation }: ExplainChoices): Quantity {
  const released = release.manifest.models.map(({ name }) => name);
  if (model !== COMBINED && !takesFeatures(release, model)) {
    const models = [COMBINED, ...released.filter((name) => takesFeatures(release, name))].join(', ');
    throw errors('LIMINAL_ERR_EXPLANATION_MODEL', { model, release: release.id, models });
  }
  const allowed = QUANTITIES_OF[model] ?? ['score', 'minus_log10_p'];
  const chosen = quantity ?? allowed[0]!;
  if (!allowed.includes(chosen)) {
    throw errors('LIMINAL_ERR_EXPLANATION_QUANTITY', { model, quantity: chosen, allowed: allowed.join(', ') });
  }
  if (perturbation === 'path-dependent' && chosen !== 'log2_score') {
    throw errors('LIMINAL_ERR_EXPLANATION_PERTURBATION', { model, quantity: chosen });
  }
  return chosen;
}

/** First the one that is explained unless asked for another. Scores of other models may be 0 or negative: no logarithm. */
const QUANTITIES_OF: Partial<Record<Target, readonly Quantity[]>> = {
  combined: ['minus_log10_p'],
  'isolation-forest': ['log2_score', 'score', 'minus_log10_p'],
};
