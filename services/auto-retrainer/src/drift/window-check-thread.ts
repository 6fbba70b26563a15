import { parentPort, workerData } from 'node:worker_threads';
import { checkWindow } from './window-check.ts';
import type { WindowCheckTask } from './window-check-in-thread.ts';

/** Entry of the thread that `checkWindowInThread` starts. */
const { reference, window, options } = workerData as WindowCheckTask;
parentPort!.postMessage(checkWindow(reference, window, options));
