import { LRUCache } from 'lru-cache';
import type { Asset, AssetFacts } from '../domain/media.js';
import type { MediaStore } from '../store/store.js';
import { PROBE_VERSION, probeTime } from './facts.js';
import type { Prober } from './prober.js';

/** Adds what a probe tells of bytes that have just been stored. Never a reason to fail an item: what cannot be read is absent. */
export type ProbeAsset = (asset: Asset, signal: AbortSignal) => Promise<Asset>;

/** Some 2 MiB. A picture or film that is in many records of an import is read once. */
const KNOWN = 10_000;

export interface ProbeAssetDeps {
  readonly prober: Pick<Prober, 'probe'>;
  readonly media: Pick<MediaStore, 'probedFacts'>;
}

/**
 * Probes film, sound and photos of telephones before their record is written. The same bytes are probed once: what this process, or
 * a record of any project, knows of them is taken over. Bytes that there was no time for are probed by a later collection.
 */
export function createProbeAsset({ prober, media }: ProbeAssetDeps): ProbeAsset {
  const known = new LRUCache<string, AssetFacts>({ max: KNOWN });

  const learn = async (asset: Asset, signal: AbortSignal): Promise<AssetFacts | null> => {
    const stored = await media.probedFacts(asset, PROBE_VERSION);
    if (stored !== null) return stored;
    const probed = await prober.probe(asset, signal);
    return probed === 'late' || probed === 'busy' ? null : probed;
  };

  return async (asset, signal) => {
    const time = probeTime(asset.mimeType);
    if (time === 'done') return { ...asset, probed: PROBE_VERSION };
    if (time !== 'now') return asset;
    // A container may be called by the name of its sound or of its film.
    const key = `${asset.sha256} ${asset.mimeType}`;
    const facts = known.get(key) ?? (await learn(asset, signal));
    if (facts === null) return asset;
    known.set(key, facts);
    return { ...asset, ...facts, probed: PROBE_VERSION };
  };
}
