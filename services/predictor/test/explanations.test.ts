import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ExplanationRefusedError, type ExplanationTask } from '../src/explanations/explanation-task.ts';
import { Explanations, ExplanationsLostError } from '../src/explanations/explanations.ts';
import { ReleaseExplainer } from '../src/explanations/release-explainer.ts';
import { inputsOf, type Released, released, VECTORS } from './released.ts';

let store: Released;
beforeAll(async () => {
  store = await released();
});
afterAll(() => store?.[Symbol.asyncDispose]());
afterEach(() => vi.restoreAllMocks());

const task = (fields: Partial<ExplanationTask> = {}): ExplanationTask => ({
  inputs: inputsOf(VECTORS.scraping),
  target: 'combined',
  quantity: 'minus_log10_p',
  perturbation: 'interventional',
  methods: ['shap'],
  alertRate: 0.01,
  ...fields,
});

describe('explanations in a thread', () => {
  it('are those that come of the same release without it', async () => {
    const explanations = new Explanations({ logger: pino({ level: 'silent' }) });
    await explanations.open(store.loaded);
    const direct = await ReleaseExplainer.open(store.loaded);
    const all = task({ methods: ['shap', 'lime', 'counterfactual'] });
    expect(await explanations.explain(all)).toEqual(await direct.explain(all));
    await direct.close();
    await explanations.stop();
  });

  it('leave the event loop free', async () => {
    const explanations = new Explanations({ logger: pino({ level: 'silent' }) });
    await explanations.open(store.loaded);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 10 }, () => explanations.explain(task({ methods: ['lime'] }))));
    clearInterval(timer);
    expect(explanations.waiting).toBe(0);
    expect(ticks).toBeGreaterThan((performance.now() - startedAt) / 10);
    await explanations.stop();
  });

  it('take anomalies before what requests ask for, and refuse by name', async () => {
    const explanations = new Explanations({ logger: pino({ level: 'silent' }) });
    await explanations.open(store.loaded);
    // The thread starts with the first explanation.
    await explanations.explain(task());
    const order: string[] = [];
    const anomaly = { inputs: inputsOf(VECTORS.spam), scores: {}, pValue: 0.001, history: new Float32Array() };
    const requests = Array.from({ length: 3 }, (_, index) =>
      explanations.explain(task()).then(() => order.push(`request ${index}`)),
    );
    const anomalies = explanations
      .explainAnomalies(store.loaded.manifest.id, [anomaly])
      .then(() => order.push('anomalies'));
    await Promise.all([...requests, anomalies]);
    // The first request was in work already.
    expect(order).toEqual(['request 0', 'anomalies', 'request 1', 'request 2']);
    const missing = explanations.explain(
      task({ target: 'lstm', quantity: 'score', inputs: inputsOf([]).fill(Number.NaN) }),
    );
    await expect(missing).rejects.toThrow(ExplanationRefusedError);
    await expect(explanations.explainAnomalies('r-20200101T000000-00000000', [anomaly])).rejects.toThrow('is not open');
    await explanations.stop();
    await expect(explanations.explain(task())).rejects.toThrow(ExplanationsLostError);
  });

  it('go on in a new thread when the old one ends, with the same releases', async () => {
    const posted = vi.spyOn(Worker.prototype, 'postMessage');
    const explanations = new Explanations({ logger: pino({ level: 'silent' }) });
    await explanations.open(store.loaded);
    const before = await explanations.explain(task());
    // It ends with the request in its hands, not in the middle of a run: that would end this process too.
    posted.mockImplementationOnce(function (this: Worker) {
      void this.terminate();
    });
    const waiting = [explanations.explain(task()), explanations.explain(task())];
    const [lost, kept] = await Promise.allSettled(waiting);
    expect(lost).toMatchObject({ status: 'rejected', reason: expect.any(ExplanationsLostError) });
    expect(kept).toEqual({ status: 'fulfilled', value: before });
    await explanations.stop();
  });
});
