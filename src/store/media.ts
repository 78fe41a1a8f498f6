import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Collection, Filter } from 'mongodb';
import { ImportError } from '../domain/errors.js';
import { mediaIdOf } from '../domain/ids.js';
import type { Media } from '../domain/media.js';
import { commitAlone, createGroupCommit, createKeyedReader, type SingleWrite, type WriteOutcome } from './batching.js';
import { createTokens, toStored } from './item-documents.js';
import { createMediaFacts } from './media-facts.js';
import { createMediaQueries, NOT_DELETED, toMedia, type StoredMedia } from './media-queries.js';
import type { MediaContent, MediaWrite, MediaWritten, MediaStore } from './store.js';

/** What is left of a deleted media: it keeps out imports that were accepted before. */
export interface DeletedMedia {
  readonly deleted: Pick<Media, '_id' | 'importSeq'>;
  readonly contentToken: string;
}

/**
 * create: the pair is new; revive: it was deleted before the batch was accepted; replace: its content changes; confirm: the content stays, but the media now belongs to a newer batch,
 * which fences off the ones before it; done: nothing has to be written.
 */
export type MediaDecision =
  | { readonly step: 'create' }
  | { readonly step: 'revive'; readonly existing: DeletedMedia }
  | { readonly step: 'replace' | 'confirm'; readonly existing: MediaContent }
  | { readonly step: 'done'; readonly result: MediaWritten['result'] };

/** What a write has to do, given what the pair (systemName, externalId) holds. */
export function decideMediaWrite(existing: MediaContent | DeletedMedia | null, write: MediaWrite): MediaDecision {
  const isBased = write.basedOn !== undefined;
  if (existing === null) return isBased ? { step: 'done', result: 'stale' } : { step: 'create' };
  if ('deleted' in existing) {
    if (existing.deleted.importSeq > write.importSeq) return { step: 'done', result: 'superseded' };
    return isBased ? { step: 'done', result: 'stale' } : { step: 'revive', existing };
  }
  const { media, contentToken } = existing;
  if (media.kind !== write.kind) return { step: 'done', result: 'kind_conflict' };
  if (media.importSeq > write.importSeq) return { step: 'done', result: 'superseded' };
  const isSame = isSameContent(media, write);
  // An attempt of this batch that was repeated. What it was based on is gone because it got through itself.
  if (isSame && media.importId === write.importId) return { step: 'done', result: media.importAction };
  if (isBased && contentToken !== write.basedOn) return { step: 'done', result: 'stale' };
  if (!isSame) return { step: 'replace', existing };
  // A batch whose confirmation is stored already.
  if (media.importSeq === write.importSeq) return { step: 'done', result: 'unchanged' };
  return { step: 'confirm', existing };
}

/** Same bytes, fileName, metadata (whatever the order of its keys) and mediaType. */
function isSameContent(existing: Media, write: MediaWrite): boolean {
  return (
    existing.asset.sha256 === write.asset.sha256 &&
    existing.fileName === write.fileName &&
    existing.mediaType === write.mediaType &&
    isDeepStrictEqual(existing.metadata, write.metadata)
  );
}

/** Every try that fails means that another writer of the same media got through: more are only ever seen in attacks. */
const MAX_TRIES = 5;
/** About the time of one bulk, so that writers which met once do not meet again. */
const JITTER_MS = 20;

type Commit = (write: SingleWrite<StoredMedia>) => Promise<WriteOutcome>;

/** Media, one document a (project, systemName, externalId). */
export function createMediaStore(deps: {
  media: Collection<StoredMedia>;
  now: () => Date;
  /** Waits before another try, milliseconds. */
  pause?: (ms: number) => Promise<unknown>;
}): MediaStore {
  const { media, now, pause = sleep } = deps;
  const commitGrouped: Commit = createGroupCommit(media);
  /**
   * For tries after the first. In a group a write may be through and its writer unsure of it: two attempts of one batch that see
   * different bytes would write over each other until both give up.
   */
  const commitExactly: Commit = (write) => commitAlone(media, write);
  const readStored = createKeyedReader(media);
  const nextToken = createTokens();

  const read = async (mediaId: string): Promise<MediaContent | DeletedMedia | null> => {
    const stored = await readStored(mediaId);
    if (stored === null) return null;
    const { contentToken, deletedAt, ...shown } = stored;
    if (deletedAt !== undefined) return { deleted: shown, contentToken };
    return { media: toMedia(shown), contentToken };
  };

  /**
   * Writes over the content of older batches, whatever it is by now: several writers may pass at once, the newest of them wins.
   * Over the content that its own batch left, only while it is what was read: otherwise a slow attempt would write again what
   * another attempt has reported as unchanged. The same when the write is based on what was read.
   */
  const replace = (commit: Commit, { media: existing, contentToken }: MediaContent, write: MediaWrite) => {
    const { mediaType, fileName, metadata, asset, source, importId, importSeq } = write;
    const importAction = actionOf(existing, write);
    const content = { mediaType, fileName, metadata: toStored(metadata), asset, source };
    const isOwn = existing.importSeq === importSeq;
    const filter: Filter<StoredMedia> = {
      _id: existing._id,
      importSeq: isOwn ? importSeq : { $lt: importSeq },
      ...((isOwn || write.basedOn !== undefined) && { contentToken }),
    };
    const writer = { importId, importSeq, importAction };
    return commit({ filter, update: { $set: { ...content, ...writer, updatedAt: now(), contentToken: nextToken() } } });
  };

  const create = (commit: Commit, mediaId: string, write: MediaWrite) => {
    const at = now();
    const media = { ...write, metadata: toStored(write.metadata), createdAt: at, updatedAt: at };
    return commit({ insert: { ...media, _id: mediaId, importAction: 'created', contentToken: nextToken() } });
  };

  /** Creates it anew in the place of what was left of it. */
  const revive = (commit: Commit, { deleted: { _id }, contentToken }: DeletedMedia, write: MediaWrite) => {
    const at = now();
    const media = { ...write, metadata: toStored(write.metadata), createdAt: at, updatedAt: at };
    const content = { ...media, importAction: 'created' as const, contentToken: nextToken() };
    return commit({ filter: { _id, contentToken }, update: { $set: content, $unset: { deletedAt: '' } } });
  };

  /** Raises the fence, provided that the content is still the one that was compared, and keeps what to ask its source with. */
  const confirm = (commit: Commit, { media: { _id }, contentToken }: MediaContent, { importSeq, source }: MediaWrite) =>
    commit({ filter: { _id, importSeq: { $lte: importSeq }, contentToken }, update: { $set: { importSeq, source } } });

  /** One try: null when another writer came in between. */
  const tryOnce = async (
    commit: Commit,
    mediaId: string,
    write: MediaWrite,
    content: MediaContent | DeletedMedia | null,
  ): Promise<MediaWritten | null> => {
    const decision = decideMediaWrite(content, write);
    if (decision.step === 'done') {
      const held = content !== null && 'media' in content ? content.media.asset : write.asset;
      return { result: decision.result, mediaId, asset: held };
    }
    if (decision.step === 'revive') {
      const isRevived = (await revive(commit, decision.existing, write)) === 'applied';
      return isRevived ? { result: 'created', mediaId, asset: write.asset } : null;
    }
    if (decision.step === 'create') {
      const isCreated = (await create(commit, mediaId, write)) === 'applied';
      return isCreated ? { result: 'created', mediaId, asset: write.asset } : null;
    }
    const { existing } = decision;
    if (decision.step === 'confirm') {
      const isConfirmed = (await confirm(commit, existing, write)) === 'applied';
      return isConfirmed ? { result: 'unchanged', mediaId, asset: existing.media.asset } : null;
    }
    const isReplaced = (await replace(commit, existing, write)) === 'applied';
    return isReplaced ? { result: actionOf(existing.media, write), mediaId, asset: write.asset } : null;
  };

  return {
    upsert: async (write, known) => {
      const mediaId = mediaIdOf(write.projectId, write.systemName, write.externalId);
      // What is known may be out of date, so a first try gets through only while it is true: an insert only while there is no media.
      const isInsert = known === null && write.basedOn === undefined;
      if (known || isInsert) {
        const based = known ? { basedOn: known.contentToken, ...write } : write;
        const written = await tryOnce(commitGrouped, mediaId, based, known);
        if (written !== null) return written;
      }
      for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
        const commit = tries === 1 ? commitGrouped : commitExactly;
        const written = await tryOnce(commit, mediaId, write, await read(mediaId));
        if (written !== null) return written;
        await pause(Math.random() * JITTER_MS * tries);
      }
      throw new ImportError('storage_failed', `The media record was still contended after ${MAX_TRIES} tries`, {
        stage: 'record',
      });
    },

    findContent: async ({ projectId, systemName, externalId }) => {
      const found = await read(mediaIdOf(projectId, systemName, externalId));
      return found !== null && 'media' in found ? found : null;
    },

    ...createMediaQueries(media),
    ...createMediaFacts(media),
    remove: (projectId, mediaId, importSeq) =>
      removeMedia(media, { _id: mediaId, projectId }, { importSeq, deletedAt: now(), contentToken: nextToken() }),
  };
}

/** Every field that goes with a deletion. What is left keeps its place in the order of the library, which no page may miss. */
const CONTENT = {
  kind: '',
  mediaType: '',
  fileName: '',
  metadata: '',
  asset: '',
  source: '',
  updatedAt: '',
  importId: '',
  importAction: '',
} as const satisfies Partial<Record<keyof Media, ''>>;

async function removeMedia(
  media: Collection<StoredMedia>,
  named: Pick<Media, '_id' | 'projectId'>,
  left: Required<Pick<StoredMedia, 'importSeq' | 'deletedAt' | 'contentToken'>>,
): Promise<boolean> {
  const filter = { ...named, ...NOT_DELETED };
  const removal = { $set: left, $unset: CONTENT };
  const { matchedCount } = await media.updateOne({ ...filter, importSeq: { $lt: left.importSeq } }, removal);
  // What is still there was written by an import that was accepted later: as if it had come after the deletion.
  return matchedCount === 1 || (await media.findOne(filter, { projection: { _id: 1 } })) !== null;
}

/** What a batch that writes over the content tells, in each of its attempts the same. */
function actionOf(existing: Media, { importId }: MediaWrite): Media['importAction'] {
  return existing.importId === importId ? existing.importAction : 'updated';
}
