import { SingleBar } from 'cli-progress';

/** Without a terminal a line is written about every so many percent. */
const LINE_EVERY_PERCENT = 10;

export interface ProgressOptions {
  /** What is going on, in a word or two. */
  label: string;
  /** What `update` counts up to; 0 when there is nothing to do. */
  total: number;
  stream?: TerminalStream;
}

/** A terminal, or anything that lines can be written to. */
export type TerminalStream = NodeJS.WritableStream & { isTTY?: boolean };

export interface Progress {
  /** `done` of the total; `detail` says in words how far that is. */
  update(done: number, detail: string): void;
  /** Says why nothing moves. It is gone with the next update; without a terminal it is a line, once. */
  note(message: string): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

/** A bar on a terminal, and lines anywhere else. */
export function createProgress({ label, total, stream = process.stderr }: ProgressOptions): Progress {
  return stream.isTTY ? new ProgressBar(label, total, stream) : new ProgressLines(label, total, stream);
}

class ProgressBar implements Progress {
  readonly #bar: SingleBar;

  constructor(label: string, total: number, stream: NodeJS.WritableStream) {
    this.#bar = new SingleBar({
      format: `${label} {bar} {percentage}% · {detail}`,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 30,
      hideCursor: true,
      stream,
      // The terminal belongs to whoever started this: a signal is theirs to handle.
      gracefulExit: false,
    });
    this.#bar.start(Math.max(1, total), 0, { detail: '' });
  }

  update(done: number, detail: string): void {
    this.#bar.update(done, { detail });
  }

  note(message: string): void {
    this.#bar.update({ detail: message });
  }

  stop(): void {
    this.#bar.stop();
  }
}

class ProgressLines implements Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #stream: NodeJS.WritableStream;
  #nextPercent = LINE_EVERY_PERCENT;
  #lastNote: string | undefined;

  constructor(label: string, total: number, stream: NodeJS.WritableStream) {
    this.#label = label;
    this.#total = Math.max(1, total);
    this.#stream = stream;
  }

  update(done: number, detail: string): void {
    this.#lastNote = undefined;
    const percent = Math.min(100, Math.floor((100 * done) / this.#total));
    if (percent < this.#nextPercent) return;
    this.#nextPercent = (Math.floor(percent / LINE_EVERY_PERCENT) + 1) * LINE_EVERY_PERCENT;
    this.#stream.write(`${this.#label} ${percent}% · ${detail}\n`);
  }

  note(message: string): void {
    if (message === this.#lastNote) return;
    this.#lastNote = message;
    this.#stream.write(`${this.#label}: ${message}\n`);
  }

  stop(): void {}
}
