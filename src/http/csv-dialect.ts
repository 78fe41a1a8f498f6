import type { TextLine } from './split-lines.js';

/** What may stand between cells: comma (RFC 4180), semicolon (spreadsheets where the comma is the decimal sign), tab. */
export type Separator = ',' | ';' | '\t';

const SEPARATORS: readonly Separator[] = [',', ';', '\t'];
/** Columns of a batch; a name more is enough to tell separators apart, and a line of 2 MiB may hold a million. */
const NAMES_TO_COUNT = 1_001;
const COLUMN_NAME = /^(?:url|id|filename|mediatype)$|^metadata\./i;
/** A name may be as long as the line; no column needs more of it to be known. */
const NAME_LENGTH = 1_000;
/** Spreadsheets take the separator from such a first line, and some write it. */
const DECLARATION = /^"?sep=([^"]?)"?[,;\t]*$/i;
const BLANK_ROW = /^[\s",;]*$/;

/** How a text of cells is written, and its lines from the header on as far as they were read. */
export interface CsvBegin {
  readonly separator: Separator;
  readonly lines: readonly TextLine[];
}

/** Reads up to the header: past blank rows and a line that declares the separator. Null when there is no header. */
export async function beginCsv(text: AsyncGenerator<readonly TextLine[], undefined>): Promise<CsvBegin | null> {
  let declared: Separator | undefined;
  for (;;) {
    const next = await text.next();
    if (next.done === true) return null;
    for (const [index, line] of next.value.entries()) {
      const lines = next.value.slice(index);
      if ('problem' in line) return { separator: ',', lines };
      const mark = line.line === 1 ? DECLARATION.exec(line.text)?.[1] : undefined;
      if (mark !== undefined) {
        declared = SEPARATORS.find((separator) => separator === mark);
        const problem = 'sep= must name a comma, a semicolon or a tab';
        if (declared === undefined) return { separator: ',', lines: [{ line: line.line, bytes: line.bytes, problem }] };
      } else if (!BLANK_ROW.test(line.text)) return { separator: declared ?? separatorOf(line.text), lines };
    }
  }
}

/** The separator that cuts a header into the most names of columns; a comma when none does. */
function separatorOf(header: string): Separator {
  const counts = SEPARATORS.map((separator) => {
    const names = header.split(separator, NAMES_TO_COUNT);
    return names.filter((name) => COLUMN_NAME.test(name.slice(0, NAME_LENGTH).replaceAll('"', '').trim())).length;
  });
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',';
}
