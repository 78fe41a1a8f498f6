import { describe, expect, it } from '@jest/globals';
import type { Batch } from '../../src/domain/import.js';
import { mediaIdOf, webhookIdOf } from '../../src/domain/ids.js';
import { itemKey, type Item } from '../../src/domain/item.js';
import type { Media } from '../../src/domain/media.js';
import type { Facts } from './checker/facts.js';
import { brokenInvariants, INVARIANTS } from './checker/invariants.js';
import { createContents, sourceFile } from './harness/source-files.js';

const contents = createContents(1, 10 * 1024 * 1024);
const FILES = [sourceFile('file', 'plain', 1), sourceFile('file', 'missing', 2)];
const AT = new Date('2026-05-01');
const ids = { projectId: 'default', systemName: 'chaos-files' };

function sha(version: number): string {
  return contents.sha256(FILES[0] ?? sourceFile('file', 'plain', 1), version);
}

function aBatch(id: string, importSeq: number, post: number): Batch {
  const counts = { success: 1, skipped: 0, failed: 1 };
  const times = { createdAt: AT, touchedAt: AT, startedAt: AT, finishedAt: AT };
  return {
    _id: id,
    ...ids,
    kind: 'file',
    context: { post },
    itemCount: 2,
    importSeq,
    state: 'success',
    counts,
    ...times,
  };
}

function itemsOf(batchId: string, version: number): Item[] {
  const common = { batchId, projectId: 'default', metadata: {}, mediaType: 'file', host: '127.0.0.1', attempts: 1 };
  const of = (seq: number, externalId: string) => {
    return { ...common, _id: itemKey(batchId, seq), seq, externalId, url: 'x', fileName: 'x', updatedAt: AT };
  };
  const mediaId = mediaIdOf('default', ids.systemName, 'plain-1');
  return [
    { ...of(0, 'plain-1'), state: 'success', mediaId, sha256: sha(version), bytes: 5 },
    { ...of(1, 'missing-2'), state: 'failed', code: 'http_404', reason: 'gone' },
  ];
}

function aMedia(version: number, importSeq: number): Media {
  const _id = mediaIdOf('default', ids.systemName, 'plain-1');
  const asset = { sha256: sha(version), bytes: 5, mimeType: 'text/plain', lengthVerified: true };
  const names = { mediaType: 'file', externalId: 'plain-1', fileName: 'x', metadata: {} };
  const written = { createdAt: AT, updatedAt: AT, importId: 'b2', importAction: 'updated' as const, importSeq };
  return { _id, ...ids, kind: 'file', ...names, asset, ...written };
}

/** Two batches that imported one file in two versions, and one that no source has. */
function soundFacts(): Facts {
  const post = (number: number, version: number, id: string): Facts['posts'][number] => {
    const items = FILES.map((file) => ({ file, version, revision: 0 }));
    return { number, kind: 'file', key: `post-${number}`, items, ids: [id], tries: 1, refusal: null };
  };
  const answered = (id: string) => ({ id, finished: true, state: 'success', items: ['success', 'failed'] });
  const told = (id: string) => ({ importId: id, webhookId: webhookIdOf(id, 1), isSigned: true, body: {} });
  return {
    batches: [aBatch('b1', 1, 1), aBatch('b2', 2, 2)],
    items: [...itemsOf('b1', 1), ...itemsOf('b2', 2)],
    media: [aMedia(2, 2)],
    blobs: [1, 2].map((version) => ({ name: sha(version), sha256: sha(version), bytes: 5 })),
    statuses: [answered('b1'), answered('b2')],
    posts: [post(1, 1, 'b1'), post(2, 2, 'b2')],
    webhooks: [told('b1'), told('b2'), told('b2')],
    attempts: 3,
    since: (file, version) => new Set([version, 2].map((each) => contents.sha256(file, each))),
  };
}

type Change = (facts: Facts) => Partial<Facts>;

/** A change of the first (or n-th) element that makes the facts unsound. */
function changed<T>(list: readonly T[], change: Partial<T>, at = 0): T[] {
  return list.map((value, index) => (index === at ? { ...value, ...change } : value));
}

const BREAKING: readonly (readonly [broken: keyof typeof INVARIANTS, circumstance: string, change: Change])[] = [
  [
    'every client got an answer that it may get',
    'a 500',
    ({ posts }) => ({ posts: changed(posts, { refusal: 'status 500' }) }),
  ],
  [
    'every accepted batch is known and has finished',
    'a batch that runs',
    ({ batches }) => ({ batches: changed(batches, { state: 'started' }) }),
  ],
  [
    'every accepted batch is known and has finished',
    'an id that is not stored',
    ({ posts }) => ({ posts: changed(posts, { ids: ['b1', 'lost'] }) }),
  ],
  [
    'a key makes one batch',
    'two batches of one post',
    ({ batches }) => ({ batches: changed(batches, { context: { post: 1 } }, 1) }),
  ],
  ['every item is settled once', 'an open item', ({ items }) => ({ items: changed(items, { state: 'open' }) })],
  [
    'every item is settled once',
    'more attempts than allowed',
    ({ items }) => ({ items: changed(items, { attempts: 4 }) }),
  ],
  ['every item is settled once', 'an item that is not stored', ({ items }) => ({ items: items.slice(1) })],
  [
    'the counts of a batch are those of its items',
    'a count too many',
    ({ batches }) => ({ batches: changed(batches, { counts: { success: 2, skipped: 0, failed: 1 } }) }),
  ],
  [
    'the gateways tell what is stored',
    'another state',
    ({ statuses }) => ({ statuses: changed(statuses, { items: ['failed', 'failed'] }) }),
  ],
  [
    'nothing that a source could serve is lost',
    'a failed item',
    ({ items }) => ({ items: changed(items, { state: 'failed', code: 'timeout' }) }),
  ],
  [
    'what no source serves has failed with its code',
    'another code',
    ({ items }) => ({ items: changed(items, { code: 'timeout' }, 1) }),
  ],
  [
    'every item holds a version that its source had',
    'an older version',
    ({ items }) => ({ items: changed(items, { sha256: sha(1) }, 2) }),
  ],
  [
    'media hold what the newest batch imported',
    'the older version',
    ({ media }) => ({ media: changed(media, { asset: aMedia(1, 2).asset }) }),
  ],
  [
    'media hold what the newest batch imported',
    'the number of the older batch',
    ({ media }) => ({ media: changed(media, { importSeq: 1 }) }),
  ],
  ['media hold what the newest batch imported', 'no media', () => ({ media: [] })],
  [
    'there is one media for each pair',
    'a second one',
    ({ media }) => ({ media: [...media, { ...aMedia(2, 2), _id: 'other' }] }),
  ],
  ['every media has its blob', 'no blob', ({ blobs }) => ({ blobs: blobs.slice(0, 1) })],
  ['every media has its blob', 'a blob that is too short', ({ blobs }) => ({ blobs: changed(blobs, { bytes: 4 }, 1) })],
  ['every blob hashes to its name', 'other bytes', ({ blobs }) => ({ blobs: changed(blobs, { sha256: sha(2) }) })],
  [
    'every batch has told its end under one signed webhook-id',
    'none',
    ({ webhooks }) => ({ webhooks: webhooks.slice(1) }),
  ],
  [
    'every batch has told its end under one signed webhook-id',
    'two ids',
    ({ webhooks }) => ({ webhooks: changed(webhooks, { webhookId: webhookIdOf('b2', 2) }, 2) }),
  ],
  [
    'every batch has told its end under one signed webhook-id',
    'a wrong signature',
    ({ webhooks }) => ({ webhooks: changed(webhooks, { isSigned: false }) }),
  ],
];

describe('the checker of chaos runs', () => {
  it('finds nothing in a sound run', () => {
    expect(brokenInvariants(soundFacts())).toEqual({});
  });

  it('ignores a batch that was not stored in full and whose id no client has been told', () => {
    const facts = soundFacts();
    const half: Batch = { ...aBatch('b3', 3, 3), state: 'storing' };

    expect(brokenInvariants({ ...facts, batches: [...facts.batches, half] })).toEqual({});
  });

  it.each(BREAKING)('says that not "%s" of %s', (broken, _circumstance, change) => {
    const facts = soundFacts();

    expect(Object.keys(brokenInvariants({ ...facts, ...change(facts) }))).toContain(broken);
  });

  it('is tested for every invariant', () => {
    expect(Object.keys(INVARIANTS).filter((name) => !BREAKING.some(([broken]) => broken === name))).toEqual([]);
  });
});
