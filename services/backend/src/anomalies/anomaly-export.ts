import type { Language } from '@liminal/shared/contracts/explanation';
import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { MODEL_NAMES, observed } from '@liminal/shared/contracts/prediction';
import { seriesName } from '@liminal/shared/contracts/series';
import type { FoundAnomaly } from '../queries/anomalies.ts';
import { idOf, timeOf } from './anomaly-filter.ts';
import { toItem } from './anomaly-json.ts';
import { type Cell, csvRow } from './csv-row.ts';
import { foundBy } from './found-by.ts';

export const EXPORT_FORMATS = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson' } as const;
export type ExportFormat = keyof typeof EXPORT_FORMATS;

/** Anomalies that go into one piece of the answer: 100 KB or so. */
const PER_CHUNK = 50;

const COLUMNS = [
  ...[
    'id',
    'entity',
    'time',
    'user',
    'series',
    'severity',
    'p_value',
    'score',
    'found_by',
    'verdict',
    'verdict_author',
  ],
  ...['release', 'provisional', 'value', 'expected', 'summary'],
  ...FEATURE_NAMES,
  ...MODEL_NAMES.flatMap((model) => [`${model}_score`, `${model}_p_value`]),
];

/** The text of an export, piece by piece, made as it is taken. */
export async function* exportText(
  anomalies: AsyncIterable<FoundAnomaly>,
  format: ExportFormat,
  lang: Language,
): AsyncGenerator<string> {
  const line = format === 'csv' ? csvLine : jsonLine;
  let chunk = format === 'csv' ? csvRow(COLUMNS) : '';
  let held = 0;
  for await (const found of anomalies) {
    chunk += line(found, lang);
    held++;
    if (held < PER_CHUNK) continue;
    yield chunk;
    [chunk, held] = ['', 0];
  }
  if (chunk !== '') yield chunk;
}

const jsonLine = ({ anomaly, verdict }: FoundAnomaly, lang: Language): string =>
  `${JSON.stringify({ ...toItem(anomaly, lang), verdict: verdict ?? null })}\n`;

function csvLine(found: FoundAnomaly, lang: Language): string {
  const cells = cellsOf(found, lang);
  return csvRow(COLUMNS.map((column) => cells[column] ?? null));
}

function cellsOf({ anomaly, verdict }: FoundAnomaly, lang: Language): Record<string, Cell> {
  const shared = {
    id: idOf(anomaly),
    entity: anomaly.entity,
    time: new Date(timeOf(anomaly)).toISOString(),
    severity: anomaly.record.severity,
    verdict: verdict?.verdict ?? null,
    verdict_author: verdict?.author ?? null,
  };
  if (anomaly.entity === 'series') {
    const { value, expected, score } = anomaly.record;
    return { ...shared, series: seriesName(anomaly.record), value, expected: observed(expected), score };
  }
  const { record, explanation } = anomaly;
  const cells: Record<string, Cell> = {
    ...shared,
    user: record.user,
    p_value: record.pValue,
    found_by: foundBy(record).join(' '),
    release: record.release,
    provisional: record.provisional,
    summary: typeof explanation === 'string' ? null : explanation.summaries[lang],
  };
  for (const [index, feature] of FEATURE_NAMES.entries()) cells[feature] = observed(record.values[index]!);
  for (const [model, { score, pValue }] of Object.entries(record.scores)) {
    cells[`${model}_score`] = score;
    cells[`${model}_p_value`] = pValue;
  }
  return cells;
}
