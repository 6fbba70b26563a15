import { type ChildProcess, fork } from 'node:child_process';

/**
 * Starts a file as a process of its own and hands it its task as the first message. A process, not a thread: what a
 * training allocated goes back to the machine when it ends, and the service stays small.
 */
export function startChildTask(file: URL, task: object): ChildProcess {
  const child = fork(file, { serialization: 'advanced', execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(task);
  return child;
}

/** Resolves with the exit code; rejects when the process can't be started. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

/** In the child: the task that `startChildTask` gave. Ends the process when the parent is gone. */
export function receiveTask<Task>(): Promise<Task> {
  process.once('disconnect', () => process.exit(1));
  return new Promise((resolve) => process.once('message', (task) => resolve(task as Task)));
}

/** In the child: sends a message, and resolves when the parent has it. */
export function sendToParent(message: object): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(message, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** In the child: ends the conversation, so that the process can end. */
export function leaveParent(): void {
  process.removeAllListeners('disconnect');
  process.disconnect();
}
