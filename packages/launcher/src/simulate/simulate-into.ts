import { type Event, eventTimeMs } from '@liminal/shared/contracts/event';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import type { Label } from '@liminal/simulator/label';
import { type AttackedTrafficOptions, simulateTraffic, type Traffic } from '@liminal/simulator/traffic';
import type { FeedSpeed } from '../feed/batches.ts';
import { type FeedProgress, feedEvents } from '../feed/feed-events.ts';
import { periodAndDaysAfter } from './days.ts';
import type { SimulateArguments } from './simulate-options.ts';
import { writeNdjson } from './write-ndjson.ts';

/** Progress of a file is told every so many events: it has no calls that it could go by. */
const REPORT_EVERY_EVENTS = 5_000;

export interface SimulateOptions extends SimulateArguments {
  /** Ends the simulation early, with what was taken so far. */
  signal?: AbortSignal;
  /** Called now and then, and once at the end, however it ends. */
  onProgress?: (progress: SimulateProgress) => void;
  giveUpAfterMs?: number;
}

export interface SimulateTally {
  /** Events made. */
  events: number;
  /** Events that the backend stored because of this run, or that are in the file. */
  accepted: number;
  /** Events that the backend had before. */
  duplicates: number;
  /** Events that the backend refused, by reason. */
  refused: Map<string, number>;
  /** The attacks that had begun by the time the simulation ended. */
  labels: Label[];
}

export interface SimulateProgress extends SimulateTally {
  /** Event time reached, ms since the epoch. */
  reachedMs: number;
  /** Why nothing moves at the moment, as a sentence. */
  waiting: string | undefined;
}

/**
 * Makes traffic and sends it to the backend or writes it to a file; at the end, also an early one, writes the labels of
 * the attacks that had begun. Throws UsageError when the users are too few for the attacks, FeedError when the backend
 * takes nothing, OutputError when a file can't be written.
 */
export async function simulateInto(options: SimulateOptions): Promise<SimulateTally> {
  const { target, labelsPath } = options;
  const simulation = new Simulation(options);
  try {
    if (target.kind === 'backend') await simulation.feed(target);
    else await simulation.write(target.path);
  } finally {
    simulation.report();
    if (labelsPath !== undefined) await writeNdjson(labelsPath, simulation.tally.labels);
  }
  return simulation.tally;
}

function trafficOrExplain(options: AttackedTrafficOptions): Traffic {
  try {
    return simulateTraffic(options);
  } catch (cause) {
    if (cause instanceof RangeError) throw new UsageError(`${cause.message}.`, { cause });
    throw cause;
  }
}

class Simulation {
  readonly #options: SimulateOptions;
  readonly #labels: Label[];
  readonly #first: Traffic;
  #events = 0;
  #reachedMs: number;
  #fed: FeedProgress = { accepted: 0, duplicates: 0, refused: new Map(), waiting: undefined };

  constructor(options: SimulateOptions) {
    this.#options = options;
    this.#first = trafficOrExplain(options.traffic);
    this.#labels = [...this.#first.labels];
    this.#reachedMs = options.traffic.startMs;
  }

  get tally(): SimulateTally {
    const { accepted, duplicates, refused } = this.#fed;
    const labels = this.#labels.filter((label) => label.fromMs <= this.#reachedMs);
    return { events: this.#events, accepted, duplicates, refused, labels };
  }

  async feed({ url, speed }: { url: string; speed: FeedSpeed }): Promise<void> {
    const { signal, giveUpAfterMs } = this.#options;
    await feedEvents(this.#made(), {
      url,
      speed,
      onProgress: (progress) => {
        this.#fed = progress;
        this.report();
      },
      ...(signal && { signal }),
      ...(giveUpAfterMs !== undefined && { giveUpAfterMs }),
    });
  }

  async write(path: string): Promise<void> {
    await writeNdjson(path, this.#written());
  }

  report(): void {
    this.#options.onProgress?.({ ...this.tally, reachedMs: this.#reachedMs, waiting: this.#fed.waiting });
  }

  *#written(): Generator<Event> {
    for (const event of this.#made()) {
      this.#fed.accepted++;
      yield event;
      if (this.#events % REPORT_EVERY_EVENTS === 0) this.report();
    }
  }

  *#made(): Generator<Event> {
    const { traffic, target, signal } = this.#options;
    for (const period of target.kind === 'backend' && target.speed === 'live'
      ? periodAndDaysAfter(traffic)
      : [traffic]) {
      for (const event of this.#eventsOf(period)) {
        if (signal?.aborted) return;
        this.#events++;
        this.#reachedMs = eventTimeMs(event);
        yield event;
      }
      this.#reachedMs = period.endMs;
    }
  }

  #eventsOf(period: AttackedTrafficOptions): Generator<Event> {
    if (period === this.#options.traffic) return this.#first.events();
    const { labels, events } = trafficOrExplain(period);
    this.#labels.push(...labels);
    return events();
  }
}
