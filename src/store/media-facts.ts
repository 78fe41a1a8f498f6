import type { Collection } from 'mongodb';
import type { Asset, AssetFacts } from '../domain/media.js';
import { NOT_DELETED, type StoredMedia } from './media-queries.js';
import type { MediaStore } from './media-store.js';

const FACTS = [
  'width',
  'height',
  'durationSeconds',
  'frameRate',
  'videoCodec',
  'audioCodec',
  'hasPosition',
] as const satisfies (keyof AssetFacts)[];

/** What probes have told of the bytes of media. They are facts of the bytes, so all records of the same bytes share them. */
export function createMediaFacts(
  media: Collection<StoredMedia>,
): Pick<MediaStore, 'probedFacts' | 'setFacts' | 'unprobed'> {
  return {
    probedFacts: async ({ sha256, mimeType }, version) => {
      const found = await media.findOne<{ asset: Asset }>(
        { 'asset.sha256': sha256, 'asset.mimeType': mimeType, 'asset.probed': { $gte: version } },
        { projection: { _id: 0, asset: 1 } },
      );
      if (found === null) return null;
      const { asset } = found;
      return Object.fromEntries(FACTS.filter((name) => asset[name] !== undefined).map((name) => [name, asset[name]]));
    },

    setFacts: async ({ sha256, mimeType }, facts, version) => {
      const told: Record<string, unknown> = { 'asset.probed': version };
      for (const [name, value] of Object.entries(facts)) told[`asset.${name}`] = value;
      await media.updateMany({ 'asset.sha256': sha256, 'asset.mimeType': mimeType }, { $set: told });
    },

    unprobed: async ({ types, version }, after, limit) => {
      const keys = await media
        .find<Pick<StoredMedia, '_id'>>({ _id: { $gt: after } }, { projection: { _id: 1 } })
        .sort({ _id: 1 })
        .skip(limit - 1)
        .limit(1)
        .toArray();
      const last = keys[0]?._id ?? null;
      const found = await media
        .find<{ asset: Asset }>(
          {
            _id: { $gt: after, ...(last !== null && { $lte: last }) },
            ...NOT_DELETED,
            'asset.mimeType': { $regex: types.source },
            $or: [{ 'asset.probed': { $exists: false } }, { 'asset.probed': { $lt: version } }],
          },
          { projection: { _id: 0, 'asset.sha256': 1, 'asset.bytes': 1, 'asset.mimeType': 1 } },
        )
        .toArray();
      const distinct = new Map(found.map(({ asset }) => [`${asset.sha256} ${asset.mimeType}`, asset]));
      return { blobs: [...distinct.values()], last };
    },
  };
}
