import type { AlertRule, RecordingRule } from '../../docs/reference/alert-rules.ts';

/** Rules with one thing wrong. */
export interface Mutant {
  what: string;
  rules: (AlertRule | RecordingRule)[];
}

const FLIPPED: Record<string, string> = { '>': '<', '<': '>', '>=': '<', '<=': '>', '==': '!=' };
const COMPARISON = /(?<=\s)(>=|<=|==|>|<)(?=\s)/g;
const LINE_OF_SET = /^\s*(?:or|and|unless)\b.*$/gm;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * What could be wrong with an alert: a comparison the other way round, a condition left out, a state that fires at once
 * or late, a threshold half or twice as high. `records`: the constants and series that it asks for.
 */
export function mutantsOf(alert: AlertRule, records: readonly RecordingRule[]): Mutant[] {
  const changed = (what: string, change: Partial<AlertRule>): Mutant => {
    return { what: `${alert.alert} (${alert.labels.severity}): ${what}`, rules: [...records, { ...alert, ...change }] };
  };
  return [
    ...[...alert.expr.matchAll(COMPARISON)].map(({ 0: operator, index }) =>
      changed(`${operator} at ${index} is ${FLIPPED[operator]}`, {
        expr: replaced(alert.expr, index, operator, FLIPPED[operator]!),
      }),
    ),
    ...[...alert.expr.matchAll(LINE_OF_SET)]
      .filter(([line]) => isBalanced(line))
      .map(({ 0: line, index }) =>
        changed(`without "${line.trim()}"`, { expr: replaced(alert.expr, index, line, '') }),
      ),
    ...(alert.for === undefined
      ? []
      : [changed('at once', { for: '0s' }), changed('twice as late', { for: twice(alert.for) })]),
    ...records.flatMap((record) =>
      isConstant(record)
        ? changesOf(Number(record.expr)).map((value) => ({
            ...changed(`${record.record}${JSON.stringify(record.labels)} is ${value}`, {}),
            rules: [...records.map((other) => (other === record ? { ...other, expr: String(value) } : other)), alert],
          }))
        : [],
    ),
  ];
}

const isConstant = ({ expr }: RecordingRule): boolean => !Number.isNaN(Number(expr));

/** 0 means "none at all". A share of nearly all is doubled by halving what is left. */
function changesOf(value: number): number[] {
  if (value === 0) return [1_000];
  if (value > 0.9 && value < 1) return [1 - (1 - value) * 2, 1 - (1 - value) / 2];
  return [value / 2, value * 2];
}

const replaced = (text: string, index: number, part: string, by: string): string =>
  text.slice(0, index) + by + text.slice(index + part.length);

const isBalanced = (line: string): boolean => line.split('(').length === line.split(')').length;

function twice(duration: string): string {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(duration)!;
  return `${2 * Number(count) * UNITS[unit!]!}s`;
}
