/** Tells the person at the terminal what happens. */
export interface Reporter {
  /** Something that happened: a line that stays. */
  say(message: string): void;
  /** What is being waited for right now: replaced by what comes next. */
  status(message: string): void;
}

const QUIET_MS = 5_000;

/**
 * On a terminal the status is one line that changes in place; in a pipe or a log file it is a line of its own, and
 * only when it has changed and the last one is some seconds old.
 */
export function terminalReporter(stream: NodeJS.WriteStream, now: () => number): Reporter {
  let shown = '';
  let lastStatusAt = Number.NEGATIVE_INFINITY;
  const clear = (): void => {
    if (shown !== '' && stream.isTTY) stream.write('\r\x1b[K');
    shown = '';
  };
  return {
    say(message) {
      clear();
      stream.write(`${message}\n`);
    },
    status(message) {
      if (message === shown) return;
      if (stream.isTTY) {
        clear();
        stream.write(message.slice(0, Math.max(stream.columns - 1, 1)));
        shown = message;
      } else if (message !== '' && now() - lastStatusAt >= QUIET_MS) {
        stream.write(`${message}\n`);
        lastStatusAt = now();
        shown = message;
      }
    },
  };
}
