/** From here on a batch keeps 8 lanes busy for long with pages of twice the size. */
const LARGE_ITEMS = 5_000;
/**
 * Ends of the pages of a large batch, in page sizes, over and over: eight pages of two sizes on average. Eight lanes that begin
 * together with pages of one length would end together, and begin together again: nothing is in flight meanwhile, and who waits for
 * a worker waits for a whole page. Unequal ones end one by one.
 */
const LARGE_ENDS = [1.2, 2.6, 4.2, 6, 8.2, 10.6, 13.2, 16];
const PERIOD = 16;

/** First and last item number of a page. */
export type Page = [fromSeq: number, toSeq: number];

/**
 * The pages that hold at least one of the items. They are those of the batch, in all of its plans the same. A page costs about six
 * events and as many writes of Temporal whatever is in it, which a batch that has enough pages to keep all lanes busy halves.
 * @param open in request order
 */
export function pagesOf(open: readonly { seq: number }[], sweepPage: number, itemCount: number): Page[] {
  const pageOf = itemCount > LARGE_ITEMS ? largePageOf : equalPageOf;
  const pages: Page[] = [];
  for (const { seq } of open) {
    const last = pages.at(-1);
    if (last === undefined || seq > last[1]) pages.push(pageOf(seq, sweepPage));
  }
  return pages;
}

function equalPageOf(seq: number, sweepPage: number): Page {
  const from = seq - (seq % sweepPage);
  return [from, from + sweepPage - 1];
}

function largePageOf(seq: number, sweepPage: number): Page {
  const base = seq - (seq % (PERIOD * sweepPage));
  const ends = LARGE_ENDS.map((end) => base + Math.round(end * sweepPage));
  const index = ends.findIndex((end) => seq < end);
  return [ends[index - 1] ?? base, (ends[index] ?? base) - 1];
}
