import type { Batch } from '../src/contract/batch.js';
import type { Item } from '../src/contract/item.js';
import type { FetchRequest } from '../src/contract/source.js';
import type { MediaWrite, MediaWritten } from '../src/contract/store.js';
import { confirmBlob } from '../src/garbage/confirm-blob.js';
import type { ActivityDeps } from './deps.js';
import { fetchItem, type ItemContent } from './fetch-item.js';
import type { StoredContent } from './stored-content.js';

/** What an attempt has made durable. */
export interface ImportedContent {
  readonly written: MediaWritten;
  readonly httpStatus: number;
  readonly received: number;
}

/**
 * Blob and media of one attempt: fetched, or taken over when the source has nothing newer than what is stored.
 * @throws ImportError, LeaveSweep: see `Source`; ImportError storage_failed when the blob was collected meanwhile
 */
export async function importContent(
  deps: ActivityDeps,
  batch: Batch,
  item: Item,
  { found, known }: StoredContent,
  request: Omit<FetchRequest, 'url' | 'fileName' | 'unless'>,
): Promise<ImportedContent> {
  const { media, condemned } = deps.store;
  const record = async (content: ItemContent): Promise<MediaWritten> => {
    deps.reach('after_blob_before_media');
    // Blob first, then the look for a notice, then the media: see src/contract/garbage.ts. Content that a media refers to all
    // along is no garbage.
    if (content.basedOn === undefined)
      await confirmBlob({ condemned, blobs: deps.blobs }, content.asset.sha256, request.signal);
    return media.upsert(mediaWrite(batch, item, content), found);
  };

  let content = await fetchItem(deps, item, known, request);
  let written = await record(content);
  if (written.result === 'stale') {
    // Somebody has replaced the content that the source was asked about. Too rare for a turn of its own at the host.
    content = await fetchItem(deps, item, null, request);
    written = await record(content);
  }
  return { written, httpStatus: content.httpStatus, received: content.received };
}

function mediaWrite(batch: Batch, item: Item, { asset, source, basedOn }: ItemContent): MediaWrite {
  const { projectId, kind, systemName, importSeq } = batch;
  const { mediaType, externalId, fileName, metadata } = item;
  return {
    projectId,
    kind,
    mediaType,
    systemName,
    externalId,
    fileName,
    metadata,
    asset,
    source,
    ...(basedOn !== undefined && { basedOn }),
    importId: batch._id,
    importSeq,
  };
}
