import Papa from 'papaparse';

/** One item as it was pasted or dropped; what was not given is null. */
export interface ParsedLine {
  /** Where it stands in the text, from 1. */
  readonly line: number;
  readonly url: string;
  readonly id: string | null;
  readonly fileName: string | null;
  readonly mediaType: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Why the line could not be read; its other fields are empty then. */
  readonly unreadable?: string;
}

export interface Parsed {
  readonly format: 'urls' | 'table' | 'json';
  readonly lines: readonly ParsedLine[];
  /** Fields of the import itself, where the text has them. */
  readonly systemName: string | null;
}

const EMPTY = { url: '', id: null, fileName: null, mediaType: null, metadata: {} } as const;
const LISTS = ['videos', 'images', 'files', 'items'] as const;

/**
 * Reads what somebody pasted or dropped: addresses one a line, a table with a header (comma, semicolon or tab), NDJSON, or JSON as the
 * API takes it. Nothing is refused as a whole: a line that cannot be read says why.
 */
export function parseText(text: string): Parsed {
  const clean = text.replace(/^\uFEFF/, '');
  const begin = clean.trimStart();
  if (begin.startsWith('[') || begin.startsWith('{')) return parseJsonText(clean);
  const header = begin.split(/\r?\n/, 2)[0] ?? '';
  if (/(?:^|[,;\t"])\s*url\s*(?:$|[,;\t"])/i.test(header) && !/https?:\/\//i.test(header)) return parseTable(clean);
  return parseUrls(clean);
}

function parseUrls(text: string): Parsed {
  const lines = text.split(/\r?\n/).flatMap((row, index) =>
    // Addresses that were copied from a list, a message or a cell.
    row
      .split(/\s+(?=https?:\/\/)|\t/)
      .map((part) => part.trim().replace(/^[<"'(]+|[>"'),;]+$/g, ''))
      .filter((url) => url !== '')
      .map((url): ParsedLine => ({ ...EMPTY, line: index + 1, url })),
  );
  return { format: 'urls', lines, systemName: null };
}

const OWN_COLUMNS: Readonly<Record<string, 'url' | 'id' | 'fileName' | 'mediaType'>> = {
  url: 'url',
  id: 'id',
  externalid: 'id',
  filename: 'fileName',
  mediatype: 'mediaType',
};
/** What the export puts before a cell that a spreadsheet would run. */
const ESCAPED = /^'(?=[=+\-@\t\r])/;

function parseTable(text: string): Parsed {
  const { data } = Papa.parse<string[]>(text, { delimitersToGuess: [',', ';', '\t'], skipEmptyLines: false });
  const start = data.findIndex((row) => row.some((cell) => cell.trim() !== ''));
  const columns = (data[start] ?? []).map((name) => name.trim());
  const lines = data.slice(start + 1).flatMap((cells, index): ParsedLine[] => {
    if (cells.every((cell) => cell.trim() === '')) return [];
    const own: Partial<Record<'url' | 'id' | 'fileName' | 'mediaType', string>> = {};
    const metadata: Record<string, unknown> = {};
    for (const [at, name] of columns.entries()) {
      const cell = (cells[at] ?? '').replace(ESCAPED, '').trim();
      if (cell === '' || name === '') continue;
      const known = OWN_COLUMNS[name.toLowerCase().replaceAll(/[\s_-]/g, '')];
      if (known !== undefined) own[known] ??= cell;
      // Columns of other names are what somebody wants to keep about the file.
      else metadata[name.replace(/^metadata\./i, '')] = cell;
    }
    const { url = '', id = null, fileName = null, mediaType = null } = own;
    return [{ line: start + index + 2, url, id, fileName, mediaType, metadata }];
  });
  return { format: 'table', lines, systemName: null };
}

function parseJsonText(text: string): Parsed {
  try {
    return fromJson(JSON.parse(text) as unknown);
  } catch {
    return parseNdjson(text);
  }
}

function fromJson(value: unknown): Parsed {
  if (Array.isArray(value))
    return { format: 'json', lines: value.map((each, at) => lineOf(each, at + 1)), systemName: null };
  const batch = value as Readonly<Record<string, unknown>>;
  const list = LISTS.map((name) => batch[name]).find(Array.isArray) as unknown[] | undefined;
  const lines = (list ?? [value]).map((each, at) => lineOf(each, at + 1));
  return { format: 'json', lines, systemName: textOf(batch['systemName']) };
}

function parseNdjson(text: string): Parsed {
  let systemName: string | null = null;
  const lines: ParsedLine[] = [];
  for (const [at, row] of text.split(/\r?\n/).entries()) {
    if (row.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(row);
    } catch {
      lines.push({ ...EMPTY, line: at + 1, unreadable: 'Must be valid JSON' });
      continue;
    }
    const isBatch = lines.length === 0 && isObject(value) && !('url' in value) && 'systemName' in value;
    if (isBatch) systemName = textOf((value as Readonly<Record<string, unknown>>)['systemName']);
    else lines.push(lineOf(value, at + 1));
  }
  return { format: 'json', lines, systemName };
}

function lineOf(value: unknown, line: number): ParsedLine {
  if (typeof value === 'string') return { ...EMPTY, line, url: value };
  if (!isObject(value)) return { ...EMPTY, line, unreadable: 'Invalid type: expected object' };
  const { url, id, externalId, fileName, mediaType, metadata } = value;
  return {
    line,
    url: textOf(url) ?? '',
    id: textOf(id) ?? textOf(externalId),
    fileName: textOf(fileName),
    mediaType: textOf(mediaType),
    metadata: isObject(metadata) ? metadata : {},
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}
