import { createHash } from 'node:crypto';
import type { Batch } from '../src/contract/batch.js';
import type { Item } from '../src/contract/item.js';
import type { MediaSource } from '../src/contract/media.js';
import type { MediaType } from '../src/contract/media-type.js';
import type { MediaContent } from '../src/contract/store.js';
import { takesType } from '../src/source/takes-type.js';
import type { ActivityDeps } from './deps.js';

/** Content that a source may be asked about instead of sending it again. */
export interface KnownContent extends MediaContent {
  readonly source: MediaSource;
}

/** What a media keeps of a URL: validators mean something for one URL only, and URLs hold secrets. */
export function urlSha256(url: string): string {
  return createHash('sha256').update(url).digest('hex');
}

/**
 * What the pair of an item holds, if the source can be asked whether it still has just that: fetched from the same URL, with a
 * validator, whole, of a type that the media type takes today, and with its blob in place. Null otherwise.
 */
export async function knownContent(
  { blobs }: Pick<ActivityDeps, 'blobs'>,
  content: MediaContent | null,
  { kind, url, mediaType }: Pick<Batch, 'kind'> & Pick<Item, 'url'> & { readonly mediaType: MediaType },
): Promise<KnownContent | null> {
  if (content === null || content.media.kind !== kind) return null;
  const { asset, source } = content.media;
  if (source === undefined || source.urlSha256 !== urlSha256(url)) return null;
  if (source.etag === undefined && source.lastModified === undefined) return null;
  // A copy that may be truncated is fetched again at every chance.
  if (!asset.lengthVerified || !takesType(mediaType, asset.mimeType)) return null;
  return (await blobs.stat(asset.sha256)) === null ? null : { ...content, source };
}
