import { parentPort, workerData } from 'node:worker_threads';
import { type TrainingResult, type TrainingTask, train } from './training.ts';
import { TrainingDivergedError } from './training-diverged-error.ts';

/** From the thread; all but `progress` are the last one. Anything else that training throws ends the thread with it. */
export type ThreadReport =
  | { type: 'progress'; share: number }
  | { type: 'trained'; result: TrainingResult }
  | { type: 'diverged'; step: number; loss: number };

/** To the thread. */
export type ThreadCommand = { type: 'cancel' };

/** Entry of the thread that `trainInThread` starts: one training, then the thread ends. */
const port = parentPort!;
const cancellation = new AbortController();
port.once('message', (_: ThreadCommand) => cancellation.abort());
const report = (message: ThreadReport): void => port.postMessage(message);
try {
  const result = await train(workerData as TrainingTask, {
    signal: cancellation.signal,
    onProgress: (share) => report({ type: 'progress', share }),
  });
  report({ type: 'trained', result });
} catch (error) {
  if (error instanceof TrainingDivergedError) report({ type: 'diverged', step: error.step, loss: error.loss });
  else if (!cancellation.signal.aborted) throw error;
}
port.close();
