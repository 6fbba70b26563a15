import { UsageError } from '@liminal/shared/runtime/usage-error';
import { type ModelOptions, TRAINABLE_MODELS } from '../pipelines/trainable-models.ts';

export const ALL_MODELS = 'all';
const NAMES = Object.keys(TRAINABLE_MODELS);

/**
 * Options of the models to train: `model` one of them or `all`; `settings` such as `nu=0.1`, or `one-class-svm.nu=0.1` with
 * all models. Throws `UsageError`.
 */
export function modelOptions(model: string, settings: readonly string[]): ModelOptions {
  if (model === 'lstm') {
    throw new UsageError(
      'lstm learns from load histories and the time of day, which the rows of a table do not have; it is trained with a ' +
        `release (POST /pipelines/train of kenning). For a table use ${[...NAMES, ALL_MODELS].join(', ')}.`,
    );
  }
  const isAll = model === ALL_MODELS;
  if (!isAll && !NAMES.includes(model)) {
    throw new UsageError(`There is no model ${model}: use ${[...NAMES, ALL_MODELS].join(', ')}.`);
  }
  const options: Record<string, Record<string, unknown>> = Object.fromEntries(
    Object.values(TRAINABLE_MODELS)
      .filter(({ name }) => isAll || name === model)
      .map(({ name, defaultOptions }) => [name, { ...defaultOptions }]),
  );
  for (const setting of settings) {
    const match = /^(?:([\w-]+)\.)?(\w+)=(.*)$/.exec(setting);
    if (match === null) throw new UsageError(`--option ${setting} is not of the form name=value.`);
    const [, prefix, name, text] = match;
    const of = options[prefix ?? model];
    if (of === undefined) {
      throw new UsageError(`--option ${setting} names no model: with all models write ${NAMES[0]}.name=value.`);
    }
    if (!Object.hasOwn(of, name!)) {
      const known = Object.entries(of).map(([option, value]) => `${option}=${String(value)}`);
      throw new UsageError(
        `${prefix ?? model} has no option ${name}; it has, with their defaults: ${known.join(', ')}.`,
      );
    }
    of[name!] = optionValue(setting, of[name!], text!);
  }
  return options as ModelOptions;
}

/** A value of the kind of the default; where that is a word, a number too, as for gamma. */
function optionValue(setting: string, fallback: unknown, text: string): unknown {
  const isNumber = text !== '' && Number.isFinite(Number(text));
  if (typeof fallback === 'number') {
    if (!isNumber) throw new UsageError(`--option ${setting}: the value must be a number, such as ${fallback}.`);
    return Number(text);
  }
  if (typeof fallback === 'boolean') {
    if (text !== 'true' && text !== 'false')
      throw new UsageError(`--option ${setting}: the value must be true or false.`);
    return text === 'true';
  }
  return isNumber ? Number(text) : text;
}

/** Each model with its options and their defaults, a line each. */
export function optionsText(): string {
  return Object.values(TRAINABLE_MODELS)
    .map(({ name, defaultOptions }) => {
      const options = Object.entries(defaultOptions).map(([option, value]) => `${option}=${String(value)}`);
      return `  ${name}\n${wrapped(options)}`;
    })
    .join('\n');
}

function wrapped(words: readonly string[]): string {
  const lines = [''];
  for (const word of words) {
    if (lines.at(-1)!.length + word.length > 90) lines.push('');
    lines[lines.length - 1] += `${word}  `;
  }
  return lines.map((line) => `      ${line.trimEnd()}`).join('\n');
}
