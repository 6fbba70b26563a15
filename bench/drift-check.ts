import { checkWindow, DEFAULT_WINDOW_CHECK } from '@liminal/auto-retrainer/drift/window-check';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';

export const name = 'drift: one look at a window of seven features, every test';

const REFERENCE_ROWS = 1_000;
/** Rows of a window, and the time that a look may take. */
const LIMITS = [
  { rows: 10_000, limitMs: 100 },
  { rows: 100_000, limitMs: 1_000 },
];
const LOOKS = 9;

/** In a window that has drifted all permutations are made; in one that has not, tests are decided early. */
const SHIFTS = [
  { what: 'no drift', shift: 0 },
  { what: 'every feature risen by 1 standard deviation', shift: 1 },
];

/** Median time of a look, as a share of its limit. Looks run in a thread of their own in the service. */
export async function run(): Promise<void> {
  const random = new Random(1);
  const sample = (rows: number, shift = 0) => ({
    rows,
    columns: FEATURE_COUNT,
    values: Float32Array.from({ length: rows * FEATURE_COUNT }, () =>
      random.next() < 0.05 ? Number.NaN : shift + random.normal(),
    ),
  });
  const reference = sample(REFERENCE_ROWS);
  for (const { rows, limitMs } of LIMITS) {
    for (const { what, shift } of SHIFTS) {
      const window = sample(rows, shift);
      const times = Array.from({ length: LOOKS }, (_, seed) => {
        const startedAt = performance.now();
        checkWindow(reference, window, { ...DEFAULT_WINDOW_CHECK, seed });
        return performance.now() - startedAt;
      }).sort((left, right) => left - right);
      const medianMs = times[LOOKS >> 1]!;
      console.log(
        `${rows} rows, ${what}: ${medianMs.toFixed(0)} ms, ` +
          `${(medianMs / limitMs).toFixed(2)} of the limit of ${limitMs} ms`,
      );
    }
  }
}
