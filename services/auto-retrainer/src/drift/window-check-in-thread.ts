import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Sample } from './sample.ts';
import type { WindowCheckOptions, WindowDrift } from './window-check.ts';

export interface WindowCheckTask {
  reference: Sample;
  window: Sample;
  options: WindowCheckOptions;
}

/** `checkWindow` in a thread of its own: it would keep the event loop for longer than it may be kept. */
export async function checkWindowInThread(task: WindowCheckTask): Promise<WindowDrift> {
  const worker = new Worker(new URL('./window-check-thread.ts', import.meta.url), { workerData: task });
  try {
    const [drift] = (await once(worker, 'message')) as [WindowDrift];
    return drift;
  } finally {
    await worker.terminate();
  }
}
