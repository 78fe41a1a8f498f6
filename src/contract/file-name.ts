/** The question mark of a URL: one in a title ends the text, or is followed by white space or by another mark. */
const QUERY = /\?[^\s?!]/;

/**
 * A file name without the query string of the URL it was copied from: that may hold tokens. A title that merely contains a
 * question mark (`What now? A film`, `Really?!`) stays as it is.
 */
export function fileNameWithoutQuery(fileName: string): string {
  const mark = fileName.search(QUERY);
  return mark < 0 ? fileName : fileName.slice(0, mark);
}
