import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import type { GateReport } from '@liminal/shared/contracts/gate';
import type { GateReleaseJob } from '@liminal/shared/contracts/jobs';
import { type ProcessContext, runInProcess } from '../pipelines/run-in-process.ts';
import type { JudgedVectors } from './judged-vectors.ts';

/** What the process is started with. */
export interface GateTask extends GateReleaseJob {
  modelStore: ModelStoreSettings;
  publicKeyFile: string;
  judged: JudgedVectors;
  at: string;
}

/** Judges a challenger in a process of its own, and keeps the report in the model store, whatever it says. */
export function gateInProcess(
  job: GateReleaseJob,
  parts: Pick<GateTask, 'modelStore' | 'publicKeyFile' | 'judged'>,
  context: ProcessContext,
): Promise<GateReport> {
  const task: GateTask = { ...job, ...parts, at: new Date().toISOString() };
  return runInProcess<GateReport>(new URL('./gate-process.ts', import.meta.url), task, context);
}
