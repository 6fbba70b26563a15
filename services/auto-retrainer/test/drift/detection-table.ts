import { Random } from '@liminal/shared/runtime/random';
import {
  CALIBRATION_ROWS,
  EVER_RATE,
  look,
  martingaleAlarm,
  REFERENCE_ROWS,
  type ScoredVector,
  sampleOf,
  WINDOW_DETECTORS,
  WINDOW_ROWS,
} from './detectors.ts';
import { DistanceScorer } from './distance-scorer.ts';
import { DRIFTS, type Drift, drawVector, drawVectors } from './drifting-traffic.ts';

export const QUIET_RUNS = 1_000;
export const DRIFT_RUNS = 20;
/** Length of a quiet stream for the martingale, whose promise has no end. */
export const QUIET_VECTORS = 2_000;
const TRAINING_ROWS = 300;
/** Windows slide on by this many vectors. */
const STEP = 40;
/** A drift that was not found within so many vectors counts as not found. */
export const PATIENCE = 400;

export interface Found {
  runs: number;
  found: number;
  /** Mean number of vectors from the drift to the alarm, of the runs in which it was found. */
  delay: number;
}

export interface DetectorRow {
  name: string;
  /** The rate of false alarms it was set to: of a look, or for ever. */
  rate: number;
  lasts: 'a look' | 'for ever';
  falseAlarms: number;
  found: Record<keyof typeof DRIFTS, Found>;
}

class Platform {
  readonly random: Random;
  readonly reference: ReturnType<typeof sampleOf>;
  readonly #scorer: DistanceScorer;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.reference = sampleOf(drawVectors(this.random, REFERENCE_ROWS));
    this.#scorer = new DistanceScorer(
      drawVectors(this.random, TRAINING_ROWS),
      drawVectors(this.random, CALIBRATION_ROWS),
    );
  }

  next(drift: Drift): ScoredVector {
    const values = drawVector(this.random, drift);
    return { values, pValue: this.#scorer.pValue(values), theta: this.random.next() };
  }

  take(rows: number, drift: Drift): ScoredVector[] {
    return Array.from({ length: rows }, () => this.next(drift));
  }

  *stream(before: number, drift: Drift, after: number): Generator<ScoredVector> {
    for (let vector = 0; vector < before; vector++) yield this.next('none');
    for (let vector = 0; vector < after; vector++) yield this.next(drift);
  }
}

/** Every detector on the same seeded traffic. Deterministic. */
export function detectionTable(): DetectorRow[] {
  const rows = new Map<string, DetectorRow>();
  const none = (): Found => ({ runs: DRIFT_RUNS, found: 0, delay: 0 });
  const add = (name: string, rate: number, lasts: DetectorRow['lasts']): void => {
    const found = Object.fromEntries(Object.keys(DRIFTS).map((drift) => [drift, none()])) as DetectorRow['found'];
    rows.set(name, { name, rate, lasts, falseAlarms: 0, found });
  };
  for (const { name, rate } of WINDOW_DETECTORS) add(name, rate, 'a look');
  add(MARTINGALE, EVER_RATE, 'for ever');

  for (let seed = 0; seed < QUIET_RUNS; seed++) {
    const platform = new Platform(seed);
    const seen = look(platform.reference, platform.take(WINDOW_ROWS, 'none'), seed);
    for (const { name, isAlarm } of WINDOW_DETECTORS) if (isAlarm(seen)) rows.get(name)!.falseAlarms++;
    if (martingaleAlarm(platform.stream(QUIET_VECTORS, 'none', 0)) !== undefined) rows.get(MARTINGALE)!.falseAlarms++;
  }
  for (const drift of Object.keys(DRIFTS) as (keyof typeof DRIFTS)[]) {
    for (let run = 0; run < DRIFT_RUNS; run++) {
      const seed = 10_000 + run;
      for (const [name, delay] of windowDelays(seed, drift)) note(rows.get(name)!.found[drift], delay);
      // It ranks what comes among what came before, which tells of rare alarms only when that was much.
      const alarm = martingaleAlarm(new Platform(seed).stream(QUIET_VECTORS, drift, PATIENCE));
      if (alarm !== undefined && alarm > QUIET_VECTORS) note(rows.get(MARTINGALE)!.found[drift], alarm - QUIET_VECTORS);
    }
  }
  return [...rows.values()];
}

export const MARTINGALE = 'conformal martingale';

function note(found: Found, delay: number): void {
  found.delay = (found.delay * found.found + delay) / (found.found + 1);
  found.found++;
}

/** First alarm of each detector, as the window slides from quiet traffic into the drift. */
function windowDelays(seed: number, drift: Drift): Map<string, number> {
  const platform = new Platform(seed);
  const window = platform.take(WINDOW_ROWS, 'none');
  const delays = new Map<string, number>();
  for (let after = STEP; after <= PATIENCE; after += STEP) {
    window.splice(0, STEP);
    window.push(...platform.take(STEP, drift));
    const seen = look(platform.reference, window, seed * 1_000 + after);
    for (const { name, isAlarm } of WINDOW_DETECTORS) if (!delays.has(name) && isAlarm(seen)) delays.set(name, after);
    if (delays.size === WINDOW_DETECTORS.length - 1) break; // all but the one that never alarms
  }
  return delays;
}

export function tableText(rows: readonly DetectorRow[]): string {
  const drifts = Object.keys(DRIFTS) as (keyof typeof DRIFTS)[];
  const cell = ({ runs, found, delay }: Found): string =>
    found === 0 ? '–' : `${Math.round((100 * found) / runs)}% after ${Math.round(delay)}`;
  return [
    `| detector | stated | false alarms | ${drifts.join(' | ')} |`,
    `|---|---|---|${drifts.map(() => '---').join('|')}|`,
    ...rows.map(
      ({ name, rate, lasts, falseAlarms, found }) =>
        `| ${name} | ${100 * rate}% ${lasts} | ${((100 * falseAlarms) / QUIET_RUNS).toFixed(1)}% | ` +
        `${drifts.map((drift) => cell(found[drift])).join(' | ')} |`,
    ),
  ].join('\n');
}
