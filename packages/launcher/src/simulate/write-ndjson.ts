import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { OutputError } from '@liminal/shared/runtime/output-error';

/** A write to the disk gathers about so many characters of lines. */
const CHUNK_CHARACTERS = 256 * 1024;

/**
 * Writes each value as a line of JSON, in place of what the file held. Memory does not grow with the number of values.
 * Throws OutputError when the file can't be written, and whatever `values` throws.
 */
export async function writeNdjson(path: string, values: Iterable<unknown>): Promise<void> {
  let sourceFailed = false;
  function* chunks(): Generator<string> {
    let chunk = '';
    try {
      for (const value of values) {
        chunk += `${JSON.stringify(value)}\n`;
        if (chunk.length < CHUNK_CHARACTERS) continue;
        yield chunk;
        chunk = '';
      }
    } catch (error) {
      sourceFailed = true;
      throw error;
    }
    if (chunk !== '') yield chunk;
  }
  try {
    await pipeline(chunks, createWriteStream(path));
  } catch (error) {
    throw sourceFailed ? error : new OutputError(path, error);
  }
}
