import { openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import type { GateCheck, GateReport } from '@liminal/shared/contracts/gate';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import { releaseKeys } from '@liminal/shared/contracts/release';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { type LoadedRelease, loadRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { readTrustedKeys } from '@liminal/shared/release/signing-key';
import { Random } from '@liminal/shared/runtime/random';
import { readTrainingRows } from '../archive/archive-reader.ts';
import { serveTask } from '../pipelines/run-in-process.ts';
import { explanationGaps } from './explanation-gaps.ts';
import type { GateTask } from './gate-in-process.ts';
import { gateRows } from './gate-rows.ts';
import { type JudgedChallenger, type JudgedRelease, judge } from './judge.ts';
import { labelledSeparation } from './labelled-separation.ts';
import { type GateRows, measureRelease } from './measure-release.ts';

/** More rows than this judge no better. */
const MOST_ROWS = 20_000;
/** Rows as they came, and as many anomalies made of them, that the challenger explains. */
const ROWS_EXPLAINED = 20;
/** The same rows are drawn whenever the comparison is made again. */
const SEED = 1;

const NO_ROWS: GateCheck = {
  check: 'enough-rows',
  passed: false,
  challenger: 0,
  champion: null,
  limit: null,
  because: 'no row was kept out of the training to judge by',
};

/** Entry of the process that judges a challenger. */
await serveTask<GateTask>(async (task, { onProgress, warn }): Promise<GateReport> => {
  const { challenger, champion, holdOut, alertRate, at } = task;
  const store = openConfiguredModelStore(task.modelStore);
  try {
    onProgress({ stage: 'gather rows', ratio: 0 });
    const archived = await readTrainingRows(store, {
      maxRows: MOST_ROWS,
      // Everything newer than the training, also what has come since: that is what the challenger would have to serve.
      sinceTs: holdOut.fromTs,
      loadHistory: true,
      log: { warn },
    });
    let checks: GateCheck[] = [];
    if (archived.rows === 0) {
      checks = [NO_ROWS];
    } else {
      const rows = gateRows(archived, new Random(SEED));
      onProgress({ stage: `measure ${champion}`, ratio: 0.2 });
      const serving = await withRelease(champion, (loaded, release) => measured(loaded, release, rows));
      onProgress({ stage: `measure ${challenger}`, ratio: 0.6 });
      const judged = await withRelease(challenger, (loaded, release) => measuredWhole(loaded, release, rows));
      checks = judge(judged, serving, alertRate);
    }
    const report: GateReport = {
      challenger,
      champion,
      passed: checks.every(({ passed }) => passed),
      checks,
      rows: archived.rows,
      fromTs: archived.ts[0] ?? null,
      toTs: archived.ts.at(-1) ?? null,
      at,
    };
    const contentType = 'application/json';
    await store.put(releaseKeys.gateReport(challenger), canonicalJsonBytes(report), { contentType });
    onProgress({ stage: 'done', ratio: 1 });
    return report;
  } finally {
    store.close();
  }

  async function withRelease<Result>(
    id: string,
    work: (loaded: LoadedRelease, release: OpenRelease) => Promise<Result>,
  ): Promise<Result> {
    const loaded = await loadRelease(store, await readTrustedKeys(task.publicKeyFile), id);
    const release = await OpenRelease.open(loaded);
    try {
      return await work(loaded, release);
    } finally {
      await release.close();
    }
  }

  async function measured(loaded: LoadedRelease, release: OpenRelease, rows: GateRows): Promise<JudgedRelease> {
    const { calibration } = loaded.manifest;
    const measurement = await measureRelease(release, rows, alertRate);
    return {
      ...measurement,
      calibrationRows: calibration.independentRows ?? calibration.rows,
      labelled: await labelledSeparation(loaded, release, task.judged),
    };
  }

  async function measuredWhole(loaded: LoadedRelease, release: OpenRelease, rows: GateRows): Promise<JudgedChallenger> {
    const explained = [rows.ofUsers, rows.injected].flatMap((of) => [
      ...of.subarray(0, ROWS_EXPLAINED * MODEL_INPUT_LENGTH),
    ]);
    return {
      ...(await measured(loaded, release, rows)),
      onnxDifference: Math.max(...loaded.manifest.models.map(({ metrics }) => metrics.onnxDifference ?? Number.NaN)),
      explanationGaps: await explanationGaps(loaded, release, Float32Array.from(explained)),
    };
  }
});
