import { ApiError } from '../contract/api-error.js';

const REQUIRED = ['url', 'id', 'fileName'] as const;
const OPTIONAL = 'mediaType';
const METADATA = 'metadata.';
const KNOWN: readonly string[] = [...REQUIRED, OPTIONAL];
/** A name may be as long as the line; the sentence quotes it. */
const MAX_SHOWN = 100;

/** Turns the cells of a row into an item. An empty mediaType or metadata cell is a value that is absent. */
export type RowMapping = (cells: readonly string[]) => Record<string, unknown>;

/**
 * The mapping that a header row of url, id, fileName, and as wanted mediaType and metadata.* columns stands for.
 * @throws ApiError 400 that names the line of the header
 */
export function csvColumns(header: readonly string[], line: number): RowMapping {
  const columns = header.map((name) => name.trim());
  const problem = problemOf(columns);
  if (problem !== null) throw new ApiError(400, { [`line.${line}`]: problem });
  return (cells) => {
    const pairs = columns.map((name, index) => [name, cells[index] ?? ''] as const);
    const metadata = pairs
      .filter(([name, cell]) => name.startsWith(METADATA) && cell !== '')
      .map(([name, cell]) => [name.slice(METADATA.length), cell] as const);
    const own = pairs.filter(([name, cell]) => !name.startsWith(METADATA) && (name !== OPTIONAL || cell !== ''));
    // fromEntries keeps a column called metadata.__proto__ as an own key, which is then refused like any other.
    return { ...Object.fromEntries(own), metadata: Object.fromEntries(metadata) };
  };
}

function problemOf(columns: readonly string[]): string | null {
  const missing = REQUIRED.filter((name) => !columns.includes(name));
  if (missing.length > 0) return `Lacks the column ${missing.join(', ')}`;
  for (const [index, name] of columns.entries()) {
    const shown = name.slice(0, MAX_SHOWN);
    const isKnown = KNOWN.includes(name) || (name.startsWith(METADATA) && name !== METADATA);
    if (!isKnown) return `The column "${shown}" is not one of ${REQUIRED.join(', ')}, mediaType, metadata.*`;
    if (columns.indexOf(name) !== index) return `The column "${shown}" is there twice`;
  }
  return null;
}
