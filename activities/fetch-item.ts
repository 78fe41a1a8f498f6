import type { Item } from '../src/contract/item.js';
import type { Asset, MediaSource } from '../src/contract/media.js';
import type { FetchRequest } from '../src/contract/source.js';
import type { ActivityDeps } from './deps.js';
import { urlSha256, type KnownContent } from './known-content.js';

/** The content that an item leads to, whether it was fetched or is still what is stored. */
export interface ItemContent {
  readonly asset: Asset;
  readonly source: MediaSource;
  /** Set when the content was taken over from the media. */
  readonly basedOn?: string;
  readonly httpStatus: number;
  /** Body bytes that this took. */
  readonly received: number;
}

/**
 * Fetches an item, unless the source says that it still has what is known.
 * @throws ImportError, LeaveSweep: see `Source`
 */
export async function fetchItem(
  deps: Pick<ActivityDeps, 'source'>,
  item: Item,
  known: KnownContent | null,
  request: Omit<FetchRequest, 'url' | 'fileName' | 'unless'>,
): Promise<ItemContent> {
  const { etag, lastModified } = known?.source ?? {};
  const unless = { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
  const { url, fileName } = item;
  const answer = await deps.source.fetch({ ...request, url, fileName, ...(known === null ? {} : { unless }) });
  if (answer.kind === 'not_modified') {
    if (known === null) throw new Error('The source layer reported 304 for a request without a condition');
    const { media, source, contentToken } = known;
    return { asset: media.asset, source, basedOn: contentToken, httpStatus: answer.httpStatus, received: 0 };
  }
  const { asset, validators, httpStatus, received } = answer;
  return { asset, source: { urlSha256: urlSha256(item.url), ...validators }, httpStatus, received };
}
