import { randomBytes } from 'node:crypto';
import type { Batch } from '../../src/domain/import.js';
import { newBatchId } from '../../src/domain/ids.js';
import type { ItemAttempt, ItemSpec } from '../../src/domain/item.js';
import type { Asset, MediaSource } from '../../src/domain/media.js';
import type { ProbeAsset } from '../../src/probe/probe-asset.js';
import type { Prober } from '../../src/probe/prober.js';
import type { MediaWrite, Settlement, TokenRecord } from '../../src/store/store.js';

/** A project that no other test uses. */
export function aProjectId(): string {
  return `project-${randomBytes(6).toString('hex')}`;
}

/** A batch of videos whose items are being stored. */
export function aBatch(changes: Partial<Batch> = {}): Batch {
  const at = new Date();
  return {
    _id: newBatchId(),
    projectId: aProjectId(),
    kind: 'video',
    systemName: 'cms',
    itemCount: 0,
    importSeq: 1,
    state: 'storing',
    createdAt: at,
    touchedAt: at,
    ...changes,
  };
}

export function anItemSpec(seq: number, changes: Partial<ItemSpec> = {}): ItemSpec {
  return {
    seq,
    url: `https://cdn.example.com/${seq}.mp4?signature=secret`,
    externalId: `ext-${seq}`,
    fileName: `${seq}.mp4`,
    metadata: { title: `Video ${seq}` },
    mediaType: 'video',
    host: 'cdn.example.com',
    ...changes,
  };
}

/** Item specs 0 … count - 1. */
export function itemSpecs(count: number): ItemSpec[] {
  return Array.from({ length: count }, (_, seq) => anItemSpec(seq));
}

/** An asset whose name is made from `content`: equal contents have equal assets. */
export function anAsset(content = 'a', changes: Partial<Asset> = {}): Asset {
  const sha256 = Buffer.from(content).toString('hex').padEnd(64, '0').slice(0, 64);
  return { sha256, bytes: 1_000, mimeType: 'video/mp4', lengthVerified: true, ...changes };
}

export function anAttempt(changes: Partial<ItemAttempt> = {}): ItemAttempt {
  return { at: new Date(), stage: 'record', httpStatus: 200, durationMs: 12, ...changes };
}

/** A successful end of an item. */
export function aSettlement(batchId: string, seq: number, changes: Partial<Settlement> = {}): Settlement {
  return {
    batchId,
    seq,
    state: 'success',
    mediaId: `media${seq}`,
    action: 'created',
    asset: anAsset(),
    attempt: anAttempt(),
    ...changes,
  };
}

/** What one URL said of `content`. */
export function aMediaSource(content = 'a', changes: Partial<MediaSource> = {}): MediaSource {
  return { urlSha256: '5'.repeat(64), etag: `"${content}"`, ...changes };
}

/** A video of one pair (systemName, externalId); `content` names its bytes. */
export function aMediaWrite(changes: Partial<MediaWrite> & { content?: string } = {}): MediaWrite {
  const { content = 'a', ...rest } = changes;
  return {
    projectId: aProjectId(),
    kind: 'video',
    mediaType: 'video',
    systemName: 'cms',
    externalId: 'ext-1',
    fileName: 'clip.mp4',
    metadata: { title: 'A clip' },
    asset: anAsset(content),
    source: aMediaSource(content),
    importId: 'batch-1',
    importSeq: 1,
    ...rest,
  };
}

export function aTokenRecord(changes: Partial<TokenRecord> = {}): TokenRecord {
  return {
    _id: randomBytes(9).toString('hex'),
    projectId: aProjectId(),
    name: 'ci',
    scope: 'public-api:write',
    createdAt: new Date(),
    expiresAt: new Date(Date.now() + 3_600_000),
    ...changes,
  };
}

/** For activities over sources that store no bytes: nothing is looked into. */
export const WITHOUT_PROBES: { readonly prober: Prober; readonly probeAsset: ProbeAsset } = {
  prober: { probe: () => Promise.resolve('busy'), close: () => Promise.resolve() },
  probeAsset: (asset) => Promise.resolve(asset),
};
