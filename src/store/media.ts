import { setTimeout as sleep } from 'node:timers/promises';
import type { Collection } from 'mongodb';
import { ImportError } from '../contract/errors.js';
import { mediaIdOf } from '../contract/ids.js';
import type { Media } from '../contract/media.js';
import type { MediaStore, MediaWrite, MediaWritten } from '../contract/store.js';
import { createGroupCommit } from './group-commit.js';
import { createKeyedReader } from './keyed-reader.js';
import { decideMediaWrite } from './media-decision.js';
import { createTokens } from './stored-item.js';
import { fromStored, toStored } from './stored-json.js';

/** Every try that fails means that another writer of the same media got through: more are only ever seen in attacks. */
const MAX_TRIES = 5;
/** About the time of one bulk, so that writers which met once do not meet again. */
const JITTER_MS = 20;

/** A media as it is stored: the token names the write that made its content. */
export interface StoredMedia extends Media {
  readonly contentToken: string;
}

/** Media, one document a (project, systemName, externalId). */
export function createMediaStore(deps: { media: Collection<StoredMedia>; now: () => Date }): MediaStore {
  const { media, now } = deps;
  const commit = createGroupCommit(media);
  const read = createKeyedReader(media);
  const nextToken = createTokens();

  /** Writes the content unless a newer batch has: several writers may pass at once, the newest of them wins. */
  const replace = (existing: StoredMedia, write: MediaWrite) => {
    const { mediaType, fileName, metadata, asset, importId, importSeq } = write;
    const importAction = existing.importId === importId ? existing.importAction : 'updated';
    const content = { mediaType, fileName, metadata: toStored(metadata), asset, importId, importSeq, importAction };
    return commit({
      filter: { _id: existing._id, importSeq: { $lte: importSeq } },
      update: { $set: { ...content, updatedAt: now(), contentToken: nextToken() } },
    });
  };

  const create = (mediaId: string, write: MediaWrite) => {
    const at = now();
    const media = { ...write, metadata: toStored(write.metadata), createdAt: at, updatedAt: at };
    return commit({ insert: { ...media, _id: mediaId, importAction: 'created', contentToken: nextToken() } });
  };

  /** Raises the fence, provided that the content is still the one that was compared. */
  const confirm = ({ _id, contentToken }: StoredMedia, { importSeq }: MediaWrite) =>
    commit({ filter: { _id, importSeq: { $lte: importSeq }, contentToken }, update: { $set: { importSeq } } });

  /** One try: null when another writer came in between. */
  const tryOnce = async (mediaId: string, write: MediaWrite): Promise<MediaWritten | null> => {
    const stored = await read(mediaId);
    const decision = decideMediaWrite(stored && toMedia(stored), write);
    if (decision.step === 'done') return { result: decision.result, mediaId, asset: stored?.asset ?? write.asset };
    if (stored === null) {
      const isCreated = (await create(mediaId, write)) === 'applied';
      return isCreated ? { result: 'created', mediaId, asset: write.asset } : null;
    }
    if (decision.step === 'confirm') {
      const isConfirmed = (await confirm(stored, write)) === 'applied';
      return isConfirmed ? { result: 'unchanged', mediaId, asset: stored.asset } : null;
    }
    const isReplaced = (await replace(stored, write)) === 'applied';
    const result = stored.importId === write.importId ? stored.importAction : 'updated';
    return isReplaced ? { result, mediaId, asset: write.asset } : null;
  };

  return {
    upsert: async (write) => {
      const mediaId = mediaIdOf(write.projectId, write.systemName, write.externalId);
      for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
        const written = await tryOnce(mediaId, write);
        if (written !== null) return written;
        await sleep(Math.random() * JITTER_MS * tries);
      }
      throw new ImportError('storage_failed', `The media record was still contended after ${MAX_TRIES} tries`, {
        stage: 'record',
      });
    },

    find: async (projectId, mediaId) => {
      const stored = await media.findOne<Media>({ _id: mediaId, projectId }, { projection: { contentToken: 0 } });
      return stored && toMedia(stored);
    },
  };
}

function toMedia(stored: Media): Media {
  return { ...stored, metadata: fromStored(stored.metadata) };
}
