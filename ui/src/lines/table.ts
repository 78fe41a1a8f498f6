import type { Kind } from '../api/types.js';
import { kindOf, repairedUrl, type Row } from './propose.js';

/** The fields of a row that a reader edits. */
export type EditedField = 'url' | 'id' | 'fileName';

/** The rows with one field changed. The row is unchecked then; an id or a name that was proposed is left as it is. */
export function withEdit(rows: readonly Row[], key: number, field: EditedField, value: string): Row[] {
  return rows.map((row) => {
    if (row.key !== key || row[field] === value) return row;
    const { [field]: _, line: __, ...problems } = row.problems;
    const kind = field === 'url' ? kindOf(value) : row.kind;
    return { ...row, [field]: value, kind, problems, isChecked: false };
  });
}

export function withoutRow(rows: readonly Row[], key: number): Row[] {
  return rows.filter((row) => row.key !== key);
}

/** Every address that can be repaired without asking, repaired. */
export function withRepairs(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const url = row.problems['url'] === undefined ? null : repairedUrl(row.url);
    return url === null ? row : { ...row, url, kind: kindOf(url), problems: {}, isChecked: false };
  });
}

/** The rows with what the service said about those that were sent to it as they still are. */
export function withVerdict(
  rows: readonly Row[],
  sent: readonly Row[],
  problems: ReadonlyMap<number, Readonly<Record<string, string>>>,
): Row[] {
  const asked = new Set(sent);
  return rows.map((row) => (asked.has(row) ? { ...row, problems: problems.get(row.key) ?? {}, isChecked: true } : row));
}

/**
 * Lines whose id an earlier line has, with that line. Told here and for all kinds together: what is sorted into several imports is still
 * one library, where an id is one media.
 */
export function repeatedIds(rows: readonly Row[]): ReadonlyMap<number, number> {
  const first = new Map<string, number>();
  const repeated = new Map<number, number>();
  for (const { key, id, line } of rows) {
    const before = first.get(id);
    if (id === '') continue;
    if (before === undefined) first.set(id, line);
    else repeated.set(key, before);
  }
  return repeated;
}

/** What is wrong with a row, its repeated id included. */
export function problemsOf(row: Row, repeated: ReadonlyMap<number, number>): Readonly<Record<string, string>> {
  const before = repeated.get(row.key);
  if (before === undefined || row.problems['id'] !== undefined) return row.problems;
  return { ...row.problems, id: `Must be unique, line ${before} has the same` };
}

/** How rows are imported: each as the kind that its address looks like, or all as one. */
export type KindChoice = Kind | 'by-type';

/** The rows by the kind that they are imported as. */
export function byKind(rows: readonly Row[], choice: KindChoice): [Kind, Row[]][] {
  const groups = new Map<Kind, Row[]>();
  for (const row of rows) {
    const kind = choice === 'by-type' ? row.kind : choice;
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [row]);
    else group.push(row);
  }
  return [...groups];
}
