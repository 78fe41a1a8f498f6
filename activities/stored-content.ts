import type { Batch } from '../src/contract/batch.js';
import type { Item } from '../src/contract/item.js';
import type { MediaContent } from '../src/contract/store.js';
import type { ActivityDeps } from './deps.js';
import { knownContent, type KnownContent } from './known-content.js';

/** What the pair of an item held before its attempt; the writes of the attempt find out when that has changed. */
export interface StoredContent {
  readonly found: MediaContent | null;
  /** Set when the source can be asked whether it still has just that. */
  readonly known: KnownContent | null;
}

/** Looks up what the pair of an item holds: before its turn at the host, whose slots are for those who talk to it. */
export async function storedContent(
  deps: Pick<ActivityDeps, 'store' | 'blobs' | 'mediaTypes'>,
  { projectId, systemName, kind }: Batch,
  { externalId, url, mediaType: handle }: Item,
): Promise<StoredContent> {
  const found = await deps.store.media.findContent({ projectId, systemName, externalId });
  const mediaType = deps.mediaTypes.get(handle);
  const known = mediaType === undefined ? null : await knownContent(deps, found, { kind, url, mediaType });
  return { found, known };
}
