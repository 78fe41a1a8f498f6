import { escapeControls } from '../telemetry/logger.js';
import type { ApiClient, FailedItem, ImportDocument } from './api-client.js';
import { EXIT, type ExitCode } from './context.js';

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

/** Rows that a person reads; the API lists all. */
const SHOWN_FAILURES = 20;
/** An id may have 2,000 bytes, and a reason several hundred. */
const WIDEST = { 0: 60, 2: 60, 3: 120 };

/** How a command ends that has looked at an import: what failed shows in the code as well, also when the import is a `success`. */
export function exitCodeOf({ finished, state, counts }: ImportDocument): ExitCode {
  if (!finished) return EXIT.ok;
  if (state === 'failed') return EXIT.importFailed;
  return counts.failed > 0 ? EXIT.itemsFailed : EXIT.ok;
}

/**
 * What became of an import, for a person: the counts, and the failures as a table with what to do about each kind.
 * @throws Refused, Unreachable
 */
export async function summaryOf(shown: ImportDocument, client: ApiClient): Promise<string> {
  const { id, counts } = shown;
  const heading = headingOf(shown);
  if (counts.failed === 0) return heading;
  const failed = await client.failedItems(id, SHOWN_FAILURES);
  const rows = failed.map(rowOf);
  const left = counts.failed - rows.length;
  return [
    heading,
    '',
    table(['ID', 'CODE', 'HOST', 'REASON'], rows, WIDEST),
    ...(left > 0 ? [`and ${counted(left)} more: GET ${client.failedItemsUrl(id)}`] : []),
    '',
    ...hintsOf(shown),
  ].join('\n');
}

function headingOf({ id, finished, state, counts }: ImportDocument): string {
  const { total, open, success, skipped, failed } = counts;
  const all = `${counted(total)} ${total === 1 ? 'item' : 'items'}`;
  const ended = `${counted(success)} success, ${counted(skipped)} skipped, ${counted(failed)} failed`;
  const name = `Import ${escapeControls(id)}`;
  if (!finished) return `${name} is running: ${counted(total - open)} of ${all} done (${ended})`;
  if (state === 'failed') return `${name} FAILED, it was stopped before its end: ${all}, ${ended}`;
  if (failed > 0) return `${name} ended, but ${counted(failed)} of ${all} FAILED: ${ended}`;
  return `${name} ended well: ${all}, ${ended}`;
}

function rowOf({ externalId, code = '', host = '', reason = '' }: FailedItem): string[] {
  return [externalId, code, host, reason];
}

/** One line for each code, in the order of the API: those with most items first. */
function hintsOf({ failures = [] }: ImportDocument): string[] {
  const hints = new Map(failures.map(({ code, hint }) => [code, hint]));
  return [...hints].map(([code, hint]) => `${escapeControls(code)}: ${escapeControls(hint)}`);
}

/** `12,345`. */
export function counted(count: number): string {
  return count.toLocaleString('en');
}
