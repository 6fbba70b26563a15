import { type CsvFile, readRecords } from './csv-file.ts';
import {
  type ColumnChoice,
  type CsvFormat,
  PartBuilder,
  type ReadContext,
  TableError,
  type TablePart,
} from './table.ts';
import { type CellFault, labelOf, numberOfText } from './table-cell.ts';

/** The rows of a CSV file, a part at a time. Throws `TableError`. */
export async function* readCsvParts(
  file: CsvFile,
  choice: ColumnChoice,
  context: ReadContext = {},
): AsyncGenerator<TablePart> {
  const part = new PartBuilder(choice);
  for await (const _ of readRecords(file, recordReader(file, choice, part), context)) yield* part.takeFull();
  yield* part.takeRest();
}

/** What adds a record to the part, or throws a `TableError` that names line and column. */
function recordReader(
  { path, columns, decimal }: CsvFile,
  { features, label }: ColumnChoice,
  part: PartBuilder,
): (record: readonly string[], line: number) => void {
  const positions = features.map((name) => columns.indexOf(name));
  const labelPosition = label === undefined ? undefined : columns.indexOf(label);
  const refusal = (
    record: readonly string[],
    line: number,
    position: number,
    { fault, isText }: CellFault,
  ): TableError => {
    const place = `${path}, line ${line}, column "${columns[position]}"`;
    if (!isText || position === labelPosition) return new TableError(`${place}: ${fault}`);
    const texts = positions.filter((other) => isTextCell(record[other]!, decimal)).map((other) => columns[other]!);
    return new TableError(`${place}: ${fault}; to leave such columns out, say --exclude ${texts.join(',')}`);
  };
  return (record, line) => {
    part.beginRow();
    for (let feature = 0; feature < positions.length; feature++) {
      const position = positions[feature]!;
      const value = numberOfText(record[position]!, decimal);
      if (typeof value !== 'number') throw refusal(record, line, position, value);
      part.setValue(feature, value);
    }
    if (labelPosition === undefined) return;
    const value = labelOf(numberOfText(record[labelPosition]!, decimal));
    if (typeof value === 'object') throw refusal(record, line, labelPosition, value);
    part.setLabel(value);
  };
}

function isTextCell(cell: string, decimal: CsvFormat['decimal']): boolean {
  const value = numberOfText(cell, decimal);
  return typeof value === 'object' && value.isText;
}
