import { readFileSync, writeFileSync } from 'node:fs';
import { detectionTable, tableText } from '../services/auto-retrainer/test/drift/detection-table.ts';

export const name = 'drift detectors: false alarms and delays on seeded traffic';

/** The table of docs/drift.md, which `DRIFT_WRITE=1` writes. About a minute. */
export async function run(): Promise<void> {
  const table = tableText(detectionTable());
  console.log(table);
  if (process.env.DRIFT_WRITE !== '1') return;
  const page = new URL('../docs/drift.md', import.meta.url);
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, text.replace(/(<!-- table -->\n)[\s\S]*(<!-- \/table -->)/, `$1${table}\n$2`));
}
