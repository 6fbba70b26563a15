import { createHash } from 'node:crypto';
import type { Matrix } from '../detectors/matrix.ts';

/** SHA-256 of the names and the values of rows, whatever kind of file they came from. */
export function hashOfRows(columns: readonly string[], { values }: Matrix): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return createHash('sha256').update(JSON.stringify(columns)).update(bytes).digest('hex');
}
