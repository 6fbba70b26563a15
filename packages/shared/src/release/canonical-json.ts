import { Buffer } from 'node:buffer';

/** A value that has no canonical JSON form; the message says where it is. */
export class NotCanonicalError extends Error {
  override readonly name = 'NotCanonicalError';
}

/**
 * The one JSON text of a value (RFC 8785): no blanks, properties sorted by UTF-16 code units, numbers and strings as
 * ECMAScript writes them. The same value gives the same bytes whatever the order in which it was built.
 * A property that is `undefined` is left out, as in JSON. Throws `NotCanonicalError` on what JSON would silently change:
 * NaN and infinities, `undefined` in a list, lone surrogates, objects that are no plain records.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, '$');
}

export const canonicalJsonBytes = (value: unknown): Uint8Array => Buffer.from(canonicalJson(value), 'utf8');

function textOf(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new NotCanonicalError(`${path} is ${value}, which JSON can't hold`);
    return JSON.stringify(value);
  }
  if (typeof value === 'string') return quoted(value, path);
  if (Array.isArray(value)) return `[${Array.from(value, (item, index) => textOf(item, `${path}[${index}]`)).join()}]`;
  if (!isRecord(value)) throw new NotCanonicalError(`${path} is ${describe(value)}, which JSON can't hold`);
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${quoted(name, path)}:${textOf(value[name], `${path}.${name}`)}`);
  return `{${members.join()}}`;
}

function quoted(text: string, path: string): string {
  if (!text.isWellFormed()) throw new NotCanonicalError(`${path} holds text that is not well-formed Unicode`);
  return JSON.stringify(text);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? `a ${value.constructor.name}` : `of type ${typeof value}`;
}
