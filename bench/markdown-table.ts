export type TableRow = Record<string, string | number>;

/** Rows of one kind as a Markdown table; columns that hold nothing but numbers to the right. */
export function markdownTable(rows: readonly TableRow[]): string[] {
  const columns = Object.keys(rows[0]!);
  const aligns = columns.map((column) => (rows.every((row) => !Number.isNaN(Number(row[column]))) ? '--:' : '---'));
  return [
    `| ${columns.join(' | ')} |`,
    `| ${aligns.join(' | ')} |`,
    ...rows.map((row) => `| ${columns.map((column) => row[column]).join(' | ')} |`),
  ];
}
