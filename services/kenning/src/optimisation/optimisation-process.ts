import { cpus } from 'node:os';
import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { OptimisationReport, VariantKind } from '@liminal/shared/contracts/optimisation-report';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { LabelSource } from '@liminal/shared/contracts/tuning';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { serveTask } from '../pipelines/run-in-process.ts';
import { archivedRows } from '../training/archived-rows.ts';
import { libraryVersions } from '../training/library-versions.ts';
import { separateLabelled } from '../tuning/labelled-rows.ts';
import { DEFAULT_MEASURING, type MeasuredVariant, measureVariants } from './measure-variants.ts';
import { makeVariants } from './variants.ts';

/** What the process is started with. */
export interface OptimisationTask extends LabelSource {
  modelStore: ModelStoreSettings;
  maxRows: number;
  models: { name: ModelName; version: string; bytes: Uint8Array<ArrayBuffer> }[];
  /** Background rows of the release, raw, NaN = not observed. */
  background: Matrix;
}

export interface OptimisationResult extends Pick<OptimisationReport, 'rows' | 'environment' | 'seconds'> {
  models: { model: ModelName; version: string; variants: MeasuredVariant[] }[];
  /** Every variant but the originals. */
  files: { model: ModelName; kind: VariantKind; bytes: Uint8Array<ArrayBuffer> }[];
}

/** Fewer archived rows than this say less than the background rows of the release. */
const FEWEST_ARCHIVED_ROWS = 200;

/** Entry of the process that optimises: makes the variants of each model and measures them beside the original. */
await serveTask<OptimisationTask>(async (task, { onProgress, warn }): Promise<OptimisationResult> => {
  const startedAt = performance.now();
  onProgress({ stage: 'gather rows', ratio: 0 });
  const archived = await archivedRows(task.modelStore, task.maxRows, warn);
  const { labelled, labelsNotFound } = separateLabelled(archived, task);
  const source = archived.rows >= FEWEST_ARCHIVED_ROWS ? 'archive' : 'background';
  const rows = source === 'archive' ? createMatrix(archived.features, FEATURE_COUNT) : task.background;
  const models: OptimisationResult['models'] = [];
  const files: OptimisationResult['files'] = [];
  for (const [index, { name, version, bytes }] of task.models.entries()) {
    onProgress({ stage: `optimise ${name}`, ratio: index / task.models.length });
    const variants = await makeVariants(name, bytes, task.background);
    const options = { ...DEFAULT_MEASURING, clock: () => performance.now() };
    models.push({ model: name, version, variants: await measureVariants(variants, rows, labelled, options) });
    for (const { kind, bytes: made } of variants.slice(1)) files.push({ model: name, kind, bytes: made });
  }
  onProgress({ stage: 'report', ratio: 1 });
  const { node, onnxruntime } = libraryVersions() as { node: string; onnxruntime: string };
  return {
    models,
    files,
    rows: {
      source,
      compared: rows.rows,
      calibration: task.background.rows,
      labelled: labelled?.rows.rows ?? 0,
      labelsNotFound,
    },
    environment: {
      node,
      onnxruntime,
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      threads: 1,
    },
    seconds: (performance.now() - startedAt) / 1000,
  };
});
