import type { Event } from '@liminal/shared/contracts/event';
import type { FeedSpeed } from '../feed/batches.ts';
import { type FeedProgress, feedEvents } from '../feed/feed-events.ts';
import { ReasonCounts } from '../feed/reason-counts.ts';
import { byFirstTime, type LogFile, openLogFile } from './log-file.ts';

export interface ReplayOptions {
  /** Paths of logs; each is recognised by its content. */
  files: readonly string[];
  /** Of the backend, such as `http://127.0.0.1:8000`. */
  url: string;
  speed: FeedSpeed;
  /** Year of the first line of logs without years; inferred when undefined. */
  year?: number | undefined;
  /** What the clocks of logs without a zone are ahead of UTC, in ms; 0 when undefined. */
  utcOffsetMs?: number | undefined;
  /** Wall-clock time in ms: no line of a log is later. */
  now: number;
  /** Ends the replay early, with what was taken so far. */
  signal?: AbortSignal;
  /** Called when the files are recognised, in the order they are fed in. */
  onOpen?: (files: readonly LogFile[]) => void;
  /** Called as files are read and calls answered, and once at the end, however it ends. */
  onProgress?: (progress: ReplayProgress) => void;
  giveUpAfterMs?: number;
}

export interface ReplayTally {
  linesRead: number;
  /** Events that were stored because of this replay. */
  accepted: number;
  /** Events that had come in before. */
  duplicates: number;
  /** Lines that hold no event, by reason, the most frequent first. */
  skipped: Map<string, number>;
  /** Events that the backend refused, by reason, the most frequent first. */
  refused: Map<string, number>;
}

export interface ReplayProgress extends ReplayTally {
  /** Bytes of all files read so far. */
  bytesRead: number;
  bytesTotal: number;
  /** Why nothing moves at the moment, as a sentence. */
  waiting: string | undefined;
}

/**
 * Feeds real logs into a running suite, file after file in the order of their first times.
 * Throws ImportError when a file can't be read (before anything is sent) and FeedError when the backend takes nothing.
 */
export async function replayFiles(options: ReplayOptions): Promise<ReplayTally> {
  const { url, speed, signal, giveUpAfterMs } = options;
  const context = { year: options.year, utcOffsetMs: options.utcOffsetMs, now: options.now };
  const files = (await Promise.all(options.files.map((path) => openLogFile(path, context)))).sort(byFirstTime);
  options.onOpen?.(files);
  const replay = new Replay(files, options);
  try {
    await feedEvents(replay.events(), {
      url,
      speed,
      onProgress: (progress) => replay.onFed(progress),
      ...(signal && { signal }),
      ...(giveUpAfterMs !== undefined && { giveUpAfterMs }),
    });
  } finally {
    replay.report();
  }
  return replay.tally;
}

class Replay {
  readonly #files: readonly LogFile[];
  readonly #options: ReplayOptions;
  readonly #bytesTotal: number;
  readonly #skipped = new ReasonCounts();
  #linesRead = 0;
  #bytesRead = 0;
  #fed: FeedProgress = { accepted: 0, duplicates: 0, refused: new Map(), waiting: undefined };

  constructor(files: readonly LogFile[], options: ReplayOptions) {
    this.#files = files;
    this.#options = options;
    this.#bytesTotal = files.reduce((total, file) => total + file.sizeBytes, 0);
  }

  get tally(): ReplayTally {
    const { accepted, duplicates, refused } = this.#fed;
    return { linesRead: this.#linesRead, accepted, duplicates, skipped: this.#skipped.toMap(), refused };
  }

  async *events(): AsyncGenerator<Event> {
    let bytesBefore = 0;
    for (const file of this.#files) {
      const onBytes = (bytes: number): void => {
        this.#bytesRead = bytesBefore + bytes;
        this.report();
      };
      let lastLine = 0;
      for await (const entry of file.entries({ onBytes })) {
        if (this.#options.signal?.aborted) return;
        this.#linesRead += entry.line - lastLine;
        lastLine = entry.line;
        if ('event' in entry) yield entry.event;
        else this.#skipped.add(entry.skipped);
      }
      bytesBefore += file.sizeBytes;
    }
  }

  onFed(progress: FeedProgress): void {
    this.#fed = progress;
    this.report();
  }

  report(): void {
    this.#options.onProgress?.({
      ...this.tally,
      bytesRead: this.#bytesRead,
      bytesTotal: this.#bytesTotal,
      waiting: this.#fed.waiting,
    });
  }
}
