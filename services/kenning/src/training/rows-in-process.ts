import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import type { HoldOut } from '@liminal/shared/contracts/jobs';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { exitOf, startChildTask } from '../pipelines/child-task.ts';
import { type TransferredError, unpackError } from '../pipelines/error-transfer.ts';

/** Where training rows come from: the archive, or the simulator for the factory release. */
export type RowsRequest =
  | ({ source: 'archive'; modelStore: ModelStoreSettings; maxRows: number } & RowsChoice)
  | { source: 'simulator'; seed: number };

/** Which of the archived rows, see `ReadTrainingRowsOptions`. */
export interface RowsChoice {
  sinceTs?: number | undefined;
  untilTs?: number | undefined;
  holdOutShare?: number | undefined;
}

export interface GatheredRows {
  /** Row-major float32 [rows, `RELEASE_ROW_LENGTH`], NaN = not observed. */
  values: Float32Array;
  /** Number of each row's user. */
  userNumbers: Int32Array;
  summary: ReleaseManifest['trainingData'];
  /** Archived rows that were left out to judge the release by. */
  holdOut: HoldOut | null;
}

export type RowsMessage =
  | { type: 'rows'; rows: GatheredRows }
  | { type: 'failed'; error: TransferredError }
  | { type: 'warn'; fields: object; message: string };

/** Gathers training rows in a process of its own: decoding and folding would block the event loop for seconds. */
export async function rowsInProcess(
  request: RowsRequest,
  { signal, warn }: { signal: AbortSignal; warn(fields: object, message: string): void },
): Promise<GatheredRows> {
  signal.throwIfAborted();
  const child = startChildTask(new URL('./rows-process.ts', import.meta.url), request);
  const cancel = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', cancel, { once: true });
  let last: Exclude<RowsMessage, { type: 'warn' }> | undefined;
  child.on('message', (received) => {
    const message = received as RowsMessage;
    if (message.type === 'warn') warn(message.fields, message.message);
    else last = message;
  });
  try {
    const exitCode = await exitOf(child);
    signal.throwIfAborted();
    if (last === undefined) throw new Error(`the process that gathers rows ended with code ${exitCode} and no rows`);
    if (last.type === 'failed') throw unpackError(last.error);
    return last.rows;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
