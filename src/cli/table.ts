import { escapeControls } from '../telemetry/escape-controls.js';

/** Between two columns. */
const GAP = '  ';

/**
 * Lines of columns under a header, for a person; `--json` is for programs. Cells are data of clients and sources: they are escaped,
 * and cut where a column would fill the screen.
 * @param widest characters that a cell of that column may have, by position; the others are not cut
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  widest: Readonly<Record<number, number>> = {},
): string {
  const cells = rows.map((row) => row.map((cell, column) => cut(escapeControls(cell), widest[column])));
  const widths = header.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd();
  return [header, ...cells].map(line).join('\n');
}

function cut(text: string, widest = Infinity): string {
  return text.length <= widest ? text : `${text.slice(0, widest - 1)}…`;
}
