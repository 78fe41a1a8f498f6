import type { Kind } from '../domain/import.js';
import type { MediaAction } from '../domain/item.js';
import type { Asset, AssetFacts, Media, MediaSource } from '../domain/media.js';

/* The port of the media collection. Implemented in media.ts, media-queries.ts and media-facts.ts. */

export interface MediaWrite {
  readonly projectId: string;
  readonly kind: Kind;
  readonly mediaType: string;
  readonly systemName: string;
  readonly externalId: string;
  readonly fileName: string;
  readonly metadata: Record<string, unknown>;
  readonly asset: Asset;
  readonly source: MediaSource;
  /** Given when the asset was taken over from the media itself: the content that it was read with (see `MediaContent`). */
  readonly basedOn?: string;
  readonly importId: string;
  readonly importSeq: number;
}

/** A media with the token of its content: equal tokens, equal content, and no other content in between. */
export interface MediaContent {
  readonly media: Media;
  readonly contentToken: string;
}

/**
 * created, updated: this batch wrote the content (also when an earlier attempt of it did); unchanged: same bytes, fileName,
 * metadata and mediaType were stored before this batch; superseded: a newer batch has written; kind_conflict: the pair holds
 * media of another kind; stale: the content is no longer the one that the write is based on, nothing was written. `asset` is what
 * the media holds now.
 */
export interface MediaWritten {
  readonly result: MediaAction | 'superseded' | 'kind_conflict' | 'stale';
  readonly mediaId: string;
  readonly asset: Asset;
}

export interface MediaStore {
  /**
   * Fenced, idempotent upsert by mediaIdOf(projectId, systemName, externalId). Group-committed, acknowledged when it resolves.
   * @param known what `findContent` answered for the pair: spares reading it again, and may be out of date
   */
  upsert(write: MediaWrite, known?: MediaContent | null): Promise<MediaWritten>;
  /** What the pair holds now. Grouped with other callers' reads. */
  findContent(pair: Pick<MediaWrite, 'projectId' | 'systemName' | 'externalId'>): Promise<MediaContent | null>;
  /** Those of the given blobs (SHA-256, at most 1,000) that some media of any project refers to. */
  referenced(sha256s: readonly string[]): Promise<ReadonlySet<string>>;
  /** The types that media of any project say a blob has; none when no media refers to it. */
  mimeTypes(sha256: string): Promise<readonly string[]>;
  find(projectId: string, mediaId: string): Promise<Media | null>;
  /** The media of a project that match, newest first, in pages. */
  list(projectId: string, filter: MediaFilter, page: MediaPageRequest): Promise<MediaPage>;
  /**
   * Ids of media of the project with the same bytes, by SHA-256: at most `SAME_BYTES_SHOWN` and one more, so that every media of the
   * page finds that many others.
   */
  sameBytes(projectId: string, sha256s: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** What a probe of at least this version has told of the same bytes in a record of any project; null when none has. */
  probedFacts(blob: BlobOfMedia, version: number): Promise<AssetFacts | null>;
  /** Adds what a probe has told to all records of the bytes. Nothing else of them changes. */
  setFacts(blob: BlobOfMedia, facts: AssetFacts, version: number): Promise<void>;
  /**
   * Bytes of these types that no probe of this version has read, in the `limit` records with an id after the given one.
   * @returns `last`, the id of the last record that was looked at, null at the end
   */
  unprobed(
    wanted: { readonly types: RegExp; readonly version: number },
    after: string,
    limit: number,
  ): Promise<{ readonly blobs: readonly BlobOfMedia[]; readonly last: string | null }>;
  /**
   * Removes a media. What is left of it for a month keeps out imports that were accepted before; one that is accepted later creates
   * it anew. Answers whether there was one.
   * @param importSeq a number from `nextImportSeq` that is drawn for this call
   */
  remove(projectId: string, mediaId: string, importSeq: number): Promise<boolean>;
  /** Whether a media was deleted within the last month, and not created anew. */
  isDeleted(projectId: string, mediaId: string): Promise<boolean>;
}

/** What names bytes and their type in a record. */
export type BlobOfMedia = Pick<Asset, 'sha256' | 'bytes' | 'mimeType'>;

/** Which media of a project are listed; what is absent does not matter. */
export interface MediaFilter {
  readonly systemName?: string;
  readonly externalId?: string;
  readonly kind?: Kind;
  readonly mimeType?: string;
  readonly sha256?: string;
  /** The name of a metadata field that is absent, null or empty. */
  readonly missing?: string;
  readonly hasPosition?: boolean;
  /** All of an id or external id, or else a part of the external id or of the file name, in any case. */
  readonly search?: string;
}

/** The place of a media in the order of lists: newest first. Neither ever changes. */
export type MediaCursor = Pick<Media, '_id' | 'createdAt'>;

export interface MediaPageRequest {
  /** The last media of the page before, or where its look ended; absent for the first page. */
  readonly after?: MediaCursor;
  readonly limit: number;
  /** As JSON, about; the first media comes however large it is. */
  readonly maxBytes: number;
}

/** A page may be short, even empty, although there is another one: a search looks at a bounded number of media at a time. */
export interface MediaPage {
  readonly media: readonly Media[];
  readonly next: MediaCursor | null;
}

/** A file that is imported again and again under new ids has thousands of others; a few say so. */
export const SAME_BYTES_SHOWN = 20;
