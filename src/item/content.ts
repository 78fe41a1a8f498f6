import { createHash } from 'node:crypto';
import type { Batch } from '../domain/import.js';
import type { BlobStore } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import type { Item } from '../domain/item.js';
import type { Asset, MediaSource, MediaType } from '../domain/media.js';
import type { FetchRequest, Source } from '../download/source.js';
import type { MediaContent, MediaWrite, MediaWritten, Store } from '../store/store.js';
import type { ProbeAsset } from '../probe/probe-asset.js';
import { confirmBlob } from '../garbage/removal-notice.js';
import { takesType } from '../download/media-type/canonical-type.js';

/*
 * The bytes of an item: what its pair of systemName and id holds already, what its source sends, and the media record that is
 * written for both. Used by `attempt.ts` alone; tested in test/integration/activities/conditional-import.test.ts.
 */

export interface ContentDeps {
  readonly store: Pick<Store, 'media' | 'removalNotices'>;
  readonly source: Source;
  readonly blobs: BlobStore;
  readonly probeAsset: ProbeAsset;
}

/** What the pair of an item held before its attempt; the writes of the attempt find out when that has changed. */
export interface CurrentMedia {
  readonly found: MediaContent | null;
  /** Set when the source can be asked whether it still has just that. */
  readonly revalidatable: Revalidatable | null;
}

/** Content that a source may be asked about instead of sending it again. */
interface Revalidatable extends MediaContent {
  readonly source: MediaSource;
}

/**
 * Looks up what the pair of an item holds: before its turn at the host, whose slots are for those who talk to it.
 * @param mediaType undefined when the one of the item is not configured
 * @throws whatever the database throws
 */
export async function currentMedia(
  { store, blobs }: Pick<ContentDeps, 'store' | 'blobs'>,
  { projectId, systemName, kind }: Batch,
  { externalId, url }: Item,
  mediaType: MediaType | undefined,
): Promise<CurrentMedia> {
  const found = await store.media.findContent({ projectId, systemName, externalId });
  const isAskable = mediaType !== undefined && found !== null && mayBeRevalidated(found, { kind, url, mediaType });
  const { source } = found?.media ?? {};
  if (!isAskable || source === undefined || !(await hasBlob(blobs, found.media.asset.sha256)))
    return { found, revalidatable: null };
  return { found, revalidatable: { ...found, source } };
}

/** Whether content was fetched from the same URL, with a validator, whole, and is of a type that the media type takes today. */
function mayBeRevalidated(
  { media }: MediaContent,
  { kind, url, mediaType }: Pick<Batch, 'kind'> & Pick<Item, 'url'> & { readonly mediaType: MediaType },
): boolean {
  const { asset, source } = media;
  if (media.kind !== kind || source?.urlSha256 !== urlSha256(url)) return false;
  if (source.etag === undefined && source.lastModified === undefined) return false;
  // A copy that may be truncated is fetched again at every chance.
  return asset.lengthVerified && takesType(mediaType, asset.mimeType);
}

/** A store that cannot say whether it has a blob, or may not, costs a download and not the page that the item is in. */
async function hasBlob(blobs: BlobStore, sha256: string): Promise<boolean> {
  try {
    return (await blobs.stat(sha256)) !== null;
  } catch (error) {
    if (error instanceof ImportError) return false;
    throw error;
  }
}

/** What a media keeps of a URL: validators mean something for one URL only, and URLs hold secrets. */
export function urlSha256(url: string): string {
  return createHash('sha256').update(url).digest('hex');
}

/** What does not follow from the item. */
type ContentRequest = Omit<FetchRequest, 'url' | 'fileName' | 'headers' | 'unless'>;

/** What an attempt has made durable. */
export interface ImportedContent {
  readonly written: MediaWritten;
  readonly httpStatus: number;
  /** Body bytes that this took. */
  readonly received: number;
}

/**
 * Blob and media of one attempt: fetched, or taken over when the source has nothing newer than what is stored.
 * @throws ImportError, NeedsOwnActivity: see `Source`; ImportError storage_failed when the blob was collected meanwhile
 */
export async function importContent(
  deps: ContentDeps,
  batch: Batch,
  item: Item,
  { found, revalidatable }: CurrentMedia,
  request: ContentRequest,
): Promise<ImportedContent> {
  const { media, removalNotices } = deps.store;
  const record = async (content: FetchedContent): Promise<MediaWritten> => {
    // Blob first, then the look for a removal notice, then the media: see src/domain/removal-notice.ts. Content that a media refers
    // to all along is no garbage.
    if (content.basedOn === undefined)
      await confirmBlob({ removalNotices, blobs: deps.blobs }, content.asset.sha256, request.signal);
    return media.upsert(mediaWrite(batch, item, content), found);
  };

  let content = await fetchProbed(deps, item, { found, revalidatable }, request);
  let written = await record(content);
  if (written.result === 'stale') {
    // The content that the source was asked about was replaced meanwhile. Too rare for a turn of its own at the host.
    content = await fetchProbed(deps, item, { found: null, revalidatable: null }, request);
    written = await record(content);
  }
  return { written, httpStatus: content.httpStatus, received: content.received };
}

interface FetchedContent {
  readonly asset: Asset;
  readonly source: MediaSource;
  /** Set when the content was taken over from the media. */
  readonly basedOn?: string;
  readonly httpStatus: number;
  readonly received: number;
}

/** As `fetchContent`, and looks into bytes that are new to the pair. */
async function fetchProbed(
  deps: Pick<ContentDeps, 'source' | 'probeAsset'>,
  item: Item,
  { found, revalidatable }: CurrentMedia,
  request: Omit<FetchRequest, 'url' | 'fileName' | 'unless'>,
): Promise<FetchedContent> {
  const content = await fetchContent(deps, item, revalidatable, request);
  const { asset, basedOn } = content;
  if (basedOn !== undefined) return content;
  const known = found?.media.asset;
  // The same bytes again, perhaps under another name.
  const isKnown = known?.probed !== undefined && known.sha256 === asset.sha256 && known.mimeType === asset.mimeType;
  const probed = isKnown ? { ...known, ...asset } : await deps.probeAsset(asset, request.signal);
  return { ...content, asset: probed };
}

/** Fetches an item, unless the source says that it still has what is stored. */
async function fetchContent(
  deps: Pick<ContentDeps, 'source'>,
  item: Item,
  known: Revalidatable | null,
  request: ContentRequest,
): Promise<FetchedContent> {
  const { etag, lastModified } = known?.source ?? {};
  const unless = { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
  const { url, fileName, headers } = item;
  if (headers === null)
    throw new ImportError('storage_failed', 'The request headers of the item cannot be decrypted', {
      stage: 'validate',
    });
  const own = { ...(headers !== undefined && { headers }), ...(known !== null && { unless }) };
  const answer = await deps.source.fetch({ ...request, url, fileName, ...own });
  if (answer.kind === 'not_modified') {
    if (known === null) throw new Error('The source layer reported 304 for a request without a condition');
    const { media, source, contentToken } = known;
    return { asset: media.asset, source, basedOn: contentToken, httpStatus: answer.httpStatus, received: 0 };
  }
  const { asset, validators, httpStatus, received } = answer;
  return { asset, source: { urlSha256: urlSha256(item.url), ...validators }, httpStatus, received };
}

function mediaWrite(batch: Batch, item: Item, { asset, source, basedOn }: FetchedContent): MediaWrite {
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
