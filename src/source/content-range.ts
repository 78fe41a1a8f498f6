/** What a Content-Range header says (RFC 9110 section 14.4); `range` is absent where the answer holds no bytes of the file. */
export interface ContentRange {
  /** Inclusive. */
  readonly range?: { readonly start: number; readonly end: number };
  readonly total: number;
}

const GRAMMAR = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/i;

/** @returns undefined for no header, another unit, an unknown total, or something that is not in the grammar */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const [matched, start, end, total] = GRAMMAR.exec(header?.trim() ?? '') ?? [];
  if (matched === undefined) return undefined;
  if (start === undefined) return { total: Number(total) };
  return { range: { start: Number(start), end: Number(end) }, total: Number(total) };
}
