import type { ParsedUrlQuery } from 'node:querystring';
import { ApiError, createProblems, type Problems } from '../../domain/api-error.js';
import { KINDS, type Kind } from '../../domain/import.js';
import type { Media } from '../../domain/media.js';
import {
  SAME_BYTES_SHOWN,
  type MediaCursor,
  type MediaFilter,
  type MediaStore,
  type BatchStore,
} from '../../store/store.js';
import { idempotencyKey, performAction, Reason, type ActionDeps } from '../action.js';
import { tokenOf, type RequestHandler } from '../context.js';
import { filteredListQuery, readQuery, sendList, type ListFilters } from '../query.js';
import type { HoldAnswer } from '../shared-answers.js';

interface MediaView {
  /** Where the bytes of a blob can be fetched by clients. */
  readonly assetUrl: (sha256: string, mimeType: string) => string;
  /** Ids of media of the project with the same bytes, this one among them or not. */
  readonly sameBytes: readonly string[];
}

/** A media record as the API shows it. Times are ISO 8601; JSON leaves out what is undefined, so keys without a value are absent. */
function mediaBody(media: Media, { assetUrl, sameBytes }: MediaView) {
  const { asset } = media;
  const others = sameBytes.filter((id) => id !== media._id).slice(0, SAME_BYTES_SHOWN);
  return {
    id: media._id,
    projectId: media.projectId,
    kind: media.kind,
    mediaType: media.mediaType,
    systemName: media.systemName,
    externalId: media.externalId,
    fileName: media.fileName,
    metadata: media.metadata,
    asset: {
      url: assetUrl(asset.sha256, asset.mimeType),
      mimeType: asset.mimeType,
      bytes: asset.bytes,
      sha256: asset.sha256,
      width: asset.width,
      height: asset.height,
      durationSeconds: asset.durationSeconds,
      videoCodec: asset.videoCodec,
      audioCodec: asset.audioCodec,
      frameRate: asset.frameRate,
      hasPosition: asset.hasPosition,
    },
    sameBytesAs: others.length === 0 ? undefined : others,
    createdAt: media.createdAt.toISOString(),
    updatedAt: media.updatedAt.toISOString(),
    importId: media.importId,
  };
}

export interface MediaDeps {
  readonly media: Pick<MediaStore, 'find' | 'list' | 'sameBytes'>;
  readonly assetUrl: MediaView['assetUrl'];
  readonly holdAnswer: HoldAnswer;
  readonly publicUrl: string;
}

/** The id in `/api/:v/mediaLibrary/:id`. */
function mediaIdIn(path: string): string {
  return path.split('/')[4] ?? '';
}

/** Ids have 20 characters; a longer one is only shown in part. */
const MAX_SHOWN = 100;

/** The 404 of a media, also of one that belongs to another project: it does not exist for this one. */
function mediaNotFound(id: string): ApiError {
  return new ApiError(404, { name: 'NotFound', message: `Media does not exist (id: '${id.slice(0, MAX_SHOWN)}')` });
}

/** `GET /api/:v/mediaLibrary/:id`: one media record. */
export function getMedia({ media, assetUrl }: Pick<MediaDeps, 'media' | 'assetUrl'>): RequestHandler {
  return async (ctx) => {
    const id = mediaIdIn(ctx.path);
    checkNoParameters(ctx.query);
    const { projectId } = tokenOf(ctx.state);
    const found = await media.find(projectId, id);
    if (found === null) throw mediaNotFound(id);
    const { sha256 } = found.asset;
    const same = await media.sameBytes(projectId, [sha256]);
    ctx.body = mediaBody(found, { assetUrl, sameBytes: same.get(sha256) ?? [] });
  };
}

/** @throws ApiError 400 that names every parameter: the route has none */
function checkNoParameters(query: ParsedUrlQuery): void {
  const problems = createProblems();
  readQuery(query, [], problems);
  problems.throwIfAny();
}

export interface DeleteMediaDeps extends ActionDeps {
  readonly media: Pick<MediaStore, 'find' | 'isDeleted' | 'remove'>;
  readonly batches: Pick<BatchStore, 'nextImportSeq'>;
}

/**
 * `DELETE /api/:v/mediaLibrary/:id`: removes a media record. Its bytes go with the next garbage collection when no other record has
 * them. Imports that were accepted before do not bring it back, one that is accepted later may.
 */
export function deleteMedia(deps: DeleteMediaDeps): RequestHandler {
  const { media, batches } = deps;
  return performAction(deps, {
    action: 'delete',
    shape: Reason,
    find: async (ctx) => {
      const id = mediaIdIn(ctx.path);
      checkNoParameters(ctx.query);
      const { projectId } = tokenOf(ctx.state);
      const isThere = (await media.find(projectId, id)) !== null;
      // The key may be that of the request which has deleted it: that one gets its answer again.
      const mayBeRepeated = !isThere && idempotencyKey(ctx) !== null && (await media.isDeleted(projectId, id));
      if (!isThere && !mayBeRepeated) throw mediaNotFound(id);
      return { id };
    },
    targetOf: ({ id }) => `media:${id}` as const,
    perform: async ({ id }, { projectId }) => {
      const isRemoved = await media.remove(projectId, id, await batches.nextImportSeq(projectId));
      if (!isRemoved) throw mediaNotFound(id);
      return { result: { deleted: true }, hasEffect: true };
    },
    answer: (_, { id }, result) => Promise.resolve({ id, ...result }),
  });
}

/** As much as a page of items. One that comes to more ends early, which its `next` tells. */
const MAX_PAGE_BYTES = 2 * 1024 ** 2;
/** A record with long texts, as an object and as JSON. */
const ROOM_OF_MEDIA = 4 * 1024;

const PARAMETERS = [
  'systemName',
  'externalId',
  'kind',
  'mimeType',
  'sha256',
  'missing',
  'hasPosition',
  'q',
] as const satisfies string[];
type Parameter = (typeof PARAMETERS)[number];

const FILTERS: ListFilters<Parameter, MediaFilter> = {
  // Milliseconds in base 36 and an id: see `cursorOf`.
  cursor: /^[0-9a-z]{1,9}-[a-z2-7]{20}$/,
  parameters: PARAMETERS,
  read: filterOf,
};

/** `GET /api/:v/mediaLibrary`: the media of the project that match, newest first. */
export function listMediaLibrary({ media, assetUrl, holdAnswer, publicUrl }: MediaDeps): RequestHandler {
  return async (ctx) => {
    const { after, limit, filter } = filteredListQuery(ctx.query, FILTERS);
    const { projectId } = tokenOf(ctx.state);
    await holdAnswer(ctx, Math.max(MAX_PAGE_BYTES, limit * ROOM_OF_MEDIA));
    const page = { limit, maxBytes: MAX_PAGE_BYTES, ...(after === undefined ? {} : { after: cursorOf(after) }) };
    const { media: shown, next } = await media.list(projectId, filter, page);
    const same = await media.sameBytes(
      projectId,
      shown.map(({ asset }) => asset.sha256),
    );
    const bodies = shown.map((each) => mediaBody(each, { assetUrl, sameBytes: same.get(each.asset.sha256) ?? [] }));
    sendList(ctx, publicUrl, bodies, next === null ? null : `${next.createdAt.getTime().toString(36)}-${next._id}`);
  };
}

function cursorOf(text: string): MediaCursor {
  const [at = '', _id = ''] = text.split('-');
  return { createdAt: new Date(Number.parseInt(at, 36)), _id };
}

const MIME_TYPE = /^[a-z0-9][a-z0-9.+-]{0,126}\/[a-z0-9][a-z0-9.+-]{0,126}$/i;
/** A dot would name a field within a field, and a leading dollar an operator of the database. */
const FIELD_NAME = /^[^$.\0][^.\0]{0,199}$/;

/** What each parameter has to be; its sentence follows "Must". */
const RULES: Readonly<Record<Parameter, readonly [rule: (text: string) => boolean, sentence: string]>> = {
  systemName: hasLength(200),
  externalId: hasLength(500),
  kind: [(text) => Object.hasOwn(KINDS, text), `be one of ${Object.keys(KINDS).join(', ')}`],
  mimeType: [(text) => MIME_TYPE.test(text), 'be a type and subtype, such as image/png'],
  sha256: [(text) => /^[0-9a-f]{64}$/i.test(text), 'be 64 hex digits'],
  missing: [(text) => FIELD_NAME.test(text), 'be the name of a metadata field of the first level, without a dot'],
  hasPosition: [(text) => text === 'true' || text === 'false', 'be true or false'],
  q: hasLength(200),
};

function hasLength(most: number): readonly [rule: (text: string) => boolean, sentence: string] {
  return [(text) => text.length >= 1 && text.length <= most, `have 1 to ${most} characters`];
}

function filterOf(query: Partial<Record<Parameter, string>>, problems: Problems): MediaFilter {
  for (const name of PARAMETERS) {
    const text = query[name];
    const [isRight, sentence] = RULES[name];
    if (text !== undefined && !isRight(text)) problems.add([name], `Must ${sentence}`);
  }
  const { systemName, externalId, kind, missing, hasPosition, q } = query;
  const filter = {
    systemName,
    externalId,
    kind: kind as Kind | undefined,
    mimeType: query.mimeType?.toLowerCase(),
    sha256: query.sha256?.toLowerCase(),
    missing,
    hasPosition: hasPosition === undefined ? undefined : hasPosition === 'true',
    search: q,
  };
  // What is absent does not matter, and an undefined value would.
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}
