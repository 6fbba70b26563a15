import type { Random } from '@liminal/shared/runtime/random';

/** Where the values of one option are drawn from. */
export type Parameter<Value> =
  | { kind: 'choice'; values: readonly Value[] }
  | { kind: 'uniform'; low: number; high: number }
  /** Uniform in the logarithm: for options of which the size matters and not the difference. */
  | { kind: 'log-uniform'; low: number; high: number }
  /** As `log-uniform`, rounded to whole numbers. */
  | { kind: 'log-integer'; low: number; high: number };

/** The options that are searched over; the others keep their defaults. */
export type SearchSpace<Options> = { readonly [Name in keyof Options]?: Parameter<Options[Name]> };

/** Figures that are kept of a drawn value: more would only make results hard to read and to type. */
const SIGNIFICANT_FIGURES = 3;

/**
 * So many draws in a row that only repeat what there is say that there is no more: what one draw in 10,000 gives would be
 * missed once in 20,000 times.
 */
const MOST_REPEATS = 100_000;

/**
 * The defaults and then configurations drawn from the space, no two of them alike: `count` of them, or fewer where the space
 * has no more.
 */
export function drawConfigurations<Options extends object>(
  space: SearchSpace<Options>,
  defaults: Options,
  count: number,
  random: Random,
): Options[] {
  const searched = Object.keys(space) as (keyof Options)[];
  const identity = (options: Options): string => JSON.stringify(searched.map((name) => options[name]));
  const drawn = new Map([[identity(defaults), defaults]]);
  for (let repeats = 0; drawn.size < count && repeats < MOST_REPEATS; ) {
    const options = drawOptions(space, defaults, random);
    const key = identity(options);
    if (drawn.has(key)) repeats++;
    else repeats = 0;
    drawn.set(key, options);
  }
  return [...drawn.values()];
}

/** Each option of the space drawn anew, in its order. */
function drawOptions<Options extends object>(space: SearchSpace<Options>, defaults: Options, random: Random): Options {
  const drawn = Object.entries<Parameter<unknown> | undefined>(space).flatMap(([name, parameter]) =>
    parameter === undefined ? [] : [[name, drawValue(parameter, random)]],
  );
  return { ...defaults, ...Object.fromEntries(drawn) };
}

function drawValue(parameter: Parameter<unknown>, random: Random): unknown {
  if (parameter.kind === 'choice') return random.pick(parameter.values);
  const { kind, low, high } = parameter;
  if (kind === 'uniform') return rounded(random.uniform(low, high), low, high);
  const value = Math.exp(random.uniform(Math.log(low), Math.log(high)));
  return kind === 'log-uniform' ? rounded(value, low, high) : Math.min(Math.max(Math.round(value), low), high);
}

const rounded = (value: number, low: number, high: number): number =>
  Math.min(Math.max(Number(value.toPrecision(SIGNIFICANT_FIGURES)), low), high);
