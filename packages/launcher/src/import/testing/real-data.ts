import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';

/** Path of a real log; undefined, with a warning, where the data sets are not installed. */
export function realData(name: string): string | undefined {
  const path = join(DATA_SETS, name);
  if (existsSync(path)) return path;
  console.warn(`SKIPPED: tests over ${name}, because ${path} does not exist; set LIMINAL_DATA_DIR to the data sets`);
  return undefined;
}
