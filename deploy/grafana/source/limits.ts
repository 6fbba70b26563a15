import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';

const GOOD = 'green';
const LOOK = 'orange';
const BAD = 'red';

/** Where a value begins to need a look, and where it is bad. Colours the value, and draws a line in graphs. */
export interface Limits {
  steps: { color: string; value: number | null }[];
}

/** For what has no wrong value: traffic, and what is compared with a line in the same graph. */
export const NO_LIMIT: Limits = { steps: [{ color: GOOD, value: null }] };

/** High is bad. */
export const above = (look: number, bad?: number): Limits => ({
  steps: [
    { color: GOOD, value: null },
    { color: bad === undefined ? BAD : LOOK, value: look },
    ...(bad === undefined ? [] : [{ color: BAD, value: bad }]),
  ],
});

/** Low is bad. */
export const below = (look: number, bad?: number): Limits => ({
  steps: [
    { color: BAD, value: null },
    ...(bad === undefined ? [] : [{ color: LOOK, value: bad }]),
    { color: GOOD, value: look },
  ],
});

export const hasLimit = ({ steps }: Limits): boolean => steps.length > 1;

export const thresholds = ({ steps }: Limits): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
