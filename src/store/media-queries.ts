import type { Collection, Filter } from 'mongodb';
import type { Media } from '../domain/media.js';
import { fromStored, toStored } from './item-documents.js';
import {
  SAME_BYTES_SHOWN,
  type MediaCursor,
  type MediaFilter,
  type MediaPage,
  type MediaPageRequest,
  type MediaStore,
} from './store.js';

/** A media as it is stored: the token names the write that made its content. */
export interface StoredMedia extends Media {
  readonly contentToken: string;
  /** Set when it was deleted: then nothing but its pair, the fence and the token are left. */
  readonly deletedAt?: Date;
}

/** Of a deleted media nothing is shown, and nothing counts as referred to. */
export const NOT_DELETED = { deletedAt: { $exists: false } } as const;

/** What is left out of every media that is shown. */
const SHOWN = { contentToken: 0 } as const;

export function toMedia(stored: Media): Media {
  return { ...stored, metadata: fromStored(stored.metadata) };
}

/** The reads of media that no write depends on. */
export function createMediaQueries(
  media: Collection<StoredMedia>,
): Pick<MediaStore, 'referenced' | 'mimeTypes' | 'find' | 'isDeleted' | 'list' | 'sameBytes'> {
  return {
    referenced: async (sha256s) => {
      // Answered from the index that begins with asset.sha256 alone.
      const found = await media.distinct('asset.sha256', { 'asset.sha256': { $in: [...sha256s] } });
      return new Set(found);
    },

    mimeTypes: async (sha256) => media.distinct('asset.mimeType', { 'asset.sha256': sha256 }),

    find: async (projectId, mediaId) => {
      const stored = await media.findOne<Media>({ _id: mediaId, projectId, ...NOT_DELETED }, { projection: SHOWN });
      return stored && toMedia(stored);
    },

    isDeleted: async (projectId, mediaId) => {
      const left = { _id: mediaId, projectId, deletedAt: { $exists: true } };
      return (await media.findOne(left, { projection: { _id: 1 } })) !== null;
    },

    list: (projectId, filter, page) => listMedia(media, projectId, filter, page),
    sameBytes: (projectId, sha256s) => sameBytes(media, projectId, sha256s),
  };
}

/** The order of the index (projectId, createdAt, _id). */
const NEWEST_FIRST = { createdAt: -1, _id: -1 } as const;

/** Media that one page of a filter without an index looks at: some 100 ms where none of them matches. */
const LOOKED_AT = 20_000;

/** Read from the database at a time: a page that ends early has asked for little in vain. */
const BATCH = 100;
/** Names, ids and the asset as JSON; metadata come on top. */
const FIXED_BYTES = 2 * 1024;

/**
 * The media of a project that match, newest first. A filter that an index answers (all of an id, bytes, a position) finds a full page;
 * any other one looks at `lookedAt` media at most and tells where the next page continues.
 * @throws whatever the database throws
 */
export async function listMedia(
  media: Collection<StoredMedia>,
  projectId: string,
  filter: MediaFilter,
  { after, limit, maxBytes }: MediaPageRequest,
  lookedAt = LOOKED_AT,
): Promise<MediaPage> {
  const { search, ...plain } = filter;
  const searched = search === undefined ? null : await searchFilter(media, projectId, search);
  const below = after === undefined ? [] : [olderThan(after)];
  const isBounded = isAnsweredByIndex(plain) || searched?.isExact === true || Object.keys(filter).length === 0;
  const edge = isBounded ? null : await edgeOf(media, { $and: [{ projectId }, ...below] }, lookedAt);
  const conditions: Filter<StoredMedia>[] = [
    { projectId, ...NOT_DELETED },
    ...plainConditions(plain),
    ...(searched === null ? [] : [searched.filter]),
    ...below,
    ...(edge === null ? [] : [notOlderThan(edge)]),
  ];
  // One more tells whether there is another page.
  const cursor = media
    .find<Media>({ $and: conditions }, { projection: SHOWN, batchSize: Math.min(BATCH, limit + 2) })
    .sort(NEWEST_FIRST)
    .limit(limit + 1);
  const page: Media[] = [];
  let bytes = 0;
  // Leaving the loop closes the cursor.
  for await (const found of cursor) {
    bytes += FIXED_BYTES + Buffer.byteLength(JSON.stringify(found.metadata));
    const last = page.at(-1);
    if (last !== undefined && (page.length === limit || bytes > maxBytes))
      return { media: page, next: { _id: last._id, createdAt: last.createdAt } };
    page.push(toMedia(found));
  }
  return { media: page, next: edge };
}

function isAnsweredByIndex({ externalId, sha256, hasPosition }: MediaFilter): boolean {
  return externalId !== undefined || sha256 !== undefined || hasPosition === true;
}

/** The last media that a look at a part of the library goes to; null when there are not that many. */
async function edgeOf(
  media: Collection<StoredMedia>,
  filter: Filter<StoredMedia>,
  lookedAt: number,
): Promise<MediaCursor | null> {
  // Answered from the index (projectId, createdAt, _id) alone.
  const query = media.find<MediaCursor>(filter, { projection: { createdAt: 1 } });
  const [edge] = await query
    .sort(NEWEST_FIRST)
    .skip(lookedAt - 1)
    .limit(1)
    .toArray();
  return edge ?? null;
}

function olderThan({ createdAt, _id }: MediaCursor): Filter<StoredMedia> {
  return { createdAt: { $lte: createdAt }, $or: [{ createdAt: { $lt: createdAt } }, { _id: { $lt: _id } }] };
}

function notOlderThan({ createdAt, _id }: MediaCursor): Filter<StoredMedia> {
  return { createdAt: { $gte: createdAt }, $or: [{ createdAt: { $gt: createdAt } }, { _id: { $gte: _id } }] };
}

function plainConditions(filter: Omit<MediaFilter, 'search'>): Filter<StoredMedia>[] {
  const { systemName, externalId, kind, mimeType, sha256, missing, hasPosition } = filter;
  return [
    ...(systemName === undefined ? [] : [{ systemName }]),
    ...(externalId === undefined ? [] : [{ externalId }]),
    ...(kind === undefined ? [] : [{ kind }]),
    ...(mimeType === undefined ? [] : [{ 'asset.mimeType': mimeType }]),
    ...(sha256 === undefined ? [] : [{ 'asset.sha256': sha256 }]),
    ...(missing === undefined ? [] : [isMissing(missing)]),
    ...(hasPosition === undefined ? [] : [{ 'asset.hasPosition': hasPosition ? true : { $exists: false } }]),
  ] as Filter<StoredMedia>[];
}

/** @param field without dots: MongoDB would take what follows for a field within it */
function isMissing(field: string): Filter<StoredMedia> {
  const [stored = field] = Object.keys(toStored({ [field]: '' }));
  // Null also finds what is absent.
  return { [`metadata.${stored}`]: { $in: [null, ''] } };
}

interface Search {
  readonly filter: Filter<StoredMedia>;
  /** It names an id as a whole, and is answered by an index. */
  readonly isExact: boolean;
}

/** All of an id, where there is one; else any part of the external id or of the file name. */
async function searchFilter(media: Collection<StoredMedia>, projectId: string, text: string): Promise<Search> {
  // Two queries: an `or` of both would be answered by neither index on every server.
  for (const exact of [{ _id: text }, { externalId: text }]) {
    const found = await media.findOne({ ...exact, projectId, ...NOT_DELETED }, { projection: { _id: 1 } });
    if (found !== null) return { filter: exact, isExact: true };
  }
  const part = { $regex: text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), $options: 'i' };
  return { filter: { $or: [{ externalId: part }, { fileName: part }] }, isExact: false };
}

/** Blobs that are looked up in one query. */
const BLOBS_AT_ONCE = 50;

/** See `MediaStore.sameBytes`. */
async function sameBytes(
  media: Collection<StoredMedia>,
  projectId: string,
  sha256s: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const each = SAME_BYTES_SHOWN + 1;
  const same = new Map<string, string[]>();
  const distinct = [...new Set(sha256s)];
  const look = async (blobs: readonly string[]): Promise<void> => {
    const most = blobs.length * each;
    const found = await media
      .find({ 'asset.sha256': { $in: [...blobs] }, projectId }, { projection: { 'asset.sha256': 1 } })
      .limit(most)
      .toArray();
    // One with very many copies may have left no room for the others: then each is asked for by itself.
    if (found.length === most && blobs.length > 1) {
      for (const blob of blobs) await look([blob]);
      return;
    }
    for (const { _id, asset } of found) {
      const ids = same.get(asset.sha256) ?? [];
      if (ids.length < each) same.set(asset.sha256, [...ids, _id]);
    }
  };
  for (let from = 0; from < distinct.length; from += BLOBS_AT_ONCE)
    await look(distinct.slice(from, from + BLOBS_AT_ONCE));
  return same;
}
