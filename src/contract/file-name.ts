/**
 * A file name without the query string of the URL it was copied from: that may hold tokens. A title that merely contains a
 * question mark stays as it is.
 */
export function fileNameWithoutQuery(fileName: string): string {
  const mark = fileName.indexOf('?');
  if (mark < 0) return fileName;
  const tail = fileName.slice(mark + 1);
  const looksLikeQuery =
    !/\s/.test(tail) && (tail.includes('=') || /\.[A-Za-z0-9]{1,5}$/.test(fileName.slice(0, mark)));
  return looksLikeQuery ? fileName.slice(0, mark) : fileName;
}
