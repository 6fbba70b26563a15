import type { HoldOut } from '@liminal/shared/contracts/jobs';
import { leaveParent, receiveTask, sendToParent } from '../pipelines/child-task.ts';
import { packError } from '../pipelines/error-transfer.ts';
import { longestInterval } from '../pipelines/longest-interval.ts';
import { releaseRows } from '../pipelines/release-rows.ts';
import { archivedRows } from './archived-rows.ts';
import { factoryRows } from './factory-rows.ts';
import type { RowsMessage, RowsRequest } from './rows-in-process.ts';

/** Entry of the process that `rowsInProcess` starts: gathers training rows once, then the process ends. */
const report = (message: RowsMessage): Promise<void> => sendToParent(message);

const warn = (fields: object, message: string): void => void report({ type: 'warn', fields, message });

try {
  const request = await receiveTask<RowsRequest>();
  const gathered =
    request.source === 'archive'
      ? await archivedRows(request.modelStore, request.maxRows, warn, { ...request, loadHistory: true })
      : factoryRows(request);
  const { rows, features, sha256, ts } = gathered;
  const { holdOut = null } = gathered as { holdOut?: HoldOut | null };
  const numbers = new Map<string, number>();
  const userNumbers = Int32Array.from(gathered.users, (user) => {
    const number = numbers.get(user) ?? numbers.size;
    numbers.set(user, number);
    return number;
  });
  const summary = {
    rows,
    users: numbers.size,
    fromTs: ts[0] ?? 0,
    toTs: ts.at(-1) ?? 0,
    longestIntervalMs: longestInterval(ts),
    sha256,
  };
  const loadHistory = gathered.loadHistory!;
  const { values } = releaseRows({ rows, ts, userNumbers, features, loadHistory });
  await report({ type: 'rows', rows: { values, userNumbers, summary, holdOut } });
} catch (error) {
  await report({ type: 'failed', error: packError(error) });
}
leaveParent();
