import { mediaIdOf } from '../../../src/domain/ids.js';
import type { Batch } from '../../../src/domain/import.js';
import type { Item } from '../../../src/domain/item.js';
import { canBeImported } from '../harness/source-files.js';
import type { PostedItem } from '../harness/posts.js';
import type { SentPost } from '../harness/clients.js';
import type { Facts } from './facts.js';
import { groupBy } from './group-by.js';

/** Sentences about what is not as it has to be; none when all is well. */
type Invariant = (facts: Facts) => string[];

/** What has to be true after any run, whatever was killed, cut or full meanwhile. Each holds by itself. */
export const INVARIANTS: Readonly<Record<string, Invariant>> = {
  'every client got an answer that it may get': clientsAreAnswered,
  'every accepted batch is known and has finished': batchesFinished,
  'a key makes one batch': keysMakeOneBatch,
  'every item is settled once': itemsSettled,
  'the counts of a batch are those of its items': countsMatch,
  'the gateways tell what is stored': statusesMatch,
  'nothing that a source could serve is lost': nothingLost,
  'what no source serves has failed with its code': failuresAreTold,
  'every item holds a version that its source had': itemsHoldTheirContent,
  'media hold what the newest batch imported': mediaAreNewest,
  'there is one media for each pair': mediaAreOne,
  'every media has its blob': mediaHaveBlobs,
  'every blob hashes to its name': blobsHash,
  'every batch has told its end under one signed webhook-id': webhooksArrived,
};

/** The invariants that do not hold, with what breaks them. */
export function brokenInvariants(facts: Facts): Record<string, string[]> {
  const broken = Object.entries(INVARIANTS).map(([name, check]) => [name, check(facts)] as const);
  return Object.fromEntries(broken.filter(([, sentences]) => sentences.length > 0));
}

function clientsAreAnswered({ posts }: Facts): string[] {
  return posts.flatMap(({ number, tries, refusal }) =>
    refusal === null ? [] : [`Post ${number} ended after ${tries} tries with: ${refusal}`],
  );
}

/** Partly stored by a gateway that died, or refused: no client has been told the id. */
function isAccepted({ state }: Batch): boolean {
  return state !== 'storing';
}

function batchesFinished({ posts, batches }: Facts): string[] {
  const known = new Map(batches.map((batch) => [batch._id, batch]));
  const told = posts.flatMap(({ number, ids }) => ids.map((id) => ({ number, id })));
  const unknown = told.flatMap(({ number, id }) =>
    known.has(id) ? [] : [`Batch ${id} of post ${number} was answered but is not stored`],
  );
  const toldIds = new Set(told.map(({ id }) => id));
  const unfinished = batches
    .filter((batch) => (isAccepted(batch) || toldIds.has(batch._id)) && batch.state !== 'success')
    .map(({ _id, state, failure = 'no reason' }) => `Batch ${_id} is ${state} (${failure})`);
  return [...unknown, ...unfinished];
}

function keysMakeOneBatch({ posts, batches }: Facts): string[] {
  return posts
    .filter(({ key }) => key !== null)
    .flatMap(({ number, ids }) => {
      const made = batches.filter((batch) => isAccepted(batch) && batch.context?.['post'] === number);
      const answered = new Set(ids);
      return made.length === 1 && answered.size === 1
        ? []
        : [`Post ${number} with a key made ${made.length} batches and was answered ${answered.size} ids`];
    });
}

function itemsSettled({ batches, items, attempts }: Facts): string[] {
  const byBatch = groupBy(items, ({ batchId }) => batchId);
  const missing = batches
    .filter(isAccepted)
    .filter(({ _id, itemCount }) => byBatch.get(_id)?.length !== itemCount)
    .map(({ _id, itemCount }) => `Batch ${_id} has ${byBatch.get(_id)?.length ?? 0} items instead of ${itemCount}`);
  const accepted = new Set(batches.filter(isAccepted).map(({ _id }) => _id));
  const wrong = items
    .filter(({ batchId }) => accepted.has(batchId))
    .filter((item) => item.state === 'open' || item.attempts < 1 || item.attempts > attempts)
    .map((item) => `${nameOf(item)} is ${item.state} after ${item.attempts} attempts`);
  return [...missing, ...wrong];
}

function countsMatch({ batches, items }: Facts): string[] {
  const byBatch = groupBy(items, ({ batchId }) => batchId);
  return batches.filter(isAccepted).flatMap(({ _id, counts }) => {
    const own = byBatch.get(_id) ?? [];
    const real = (['success', 'skipped', 'failed'] as const).map(
      (state) => own.filter((item) => item.state === state).length,
    );
    const told = [counts?.success, counts?.skipped, counts?.failed];
    return real.join() === told.join() ? [] : [`Batch ${_id} tells ${told.join()} but has ${real.join()}`];
  });
}

function statusesMatch({ batches, items, statuses }: Facts): string[] {
  const byBatch = groupBy(items, ({ batchId }) => batchId);
  return batches.filter(isAccepted).flatMap(({ _id, state }) => {
    const status = statuses.find(({ id }) => id === _id);
    const stored = (byBatch.get(_id) ?? []).map((item) => item.state).join();
    const isTold = status?.finished === true && status.state === state && status.items.join() === stored;
    return isTold ? [] : [`The status of batch ${_id} is not what is stored`];
  });
}

/** What a client wanted with an item; batches are found by what they say in their context. */
function* wishes({
  posts,
  batches,
  items,
}: Facts): Generator<{ batch: Batch; item: Item; wish: PostedItem; post: SentPost }> {
  const byNumber = new Map(posts.map((post) => [post.number, post]));
  const byBatch = groupBy(items, ({ batchId }) => batchId);
  for (const batch of batches.filter(isAccepted)) {
    const post = byNumber.get(Number(batch.context?.['post']));
    if (post === undefined) continue;
    for (const item of byBatch.get(batch._id) ?? []) {
      const wish = post.items[item.seq];
      if (wish !== undefined) yield { batch, item, wish, post };
    }
  }
}

function nothingLost(facts: Facts): string[] {
  return [...wishes(facts)]
    .filter(({ item, wish }) => canBeImported(wish.file) && item.state !== 'success' && item.state !== 'skipped')
    .map(({ item }) => `${nameOf(item)} is ${item.state} (${item.code ?? 'no code'}) after ${item.attempts} attempts`);
}

const EXPECTED_CODES = { missing: ['http_404', 'http_410'], login: ['type_mismatch'] } as const;

function failuresAreTold(facts: Facts): string[] {
  return [...wishes(facts)].flatMap(({ item, wish: { file } }) => {
    if (file.behaviour !== 'missing' && file.behaviour !== 'login') return [];
    const codes: readonly string[] = EXPECTED_CODES[file.behaviour];
    const isTold = item.state === 'failed' && codes.includes(item.code ?? '') && item.mediaId === undefined;
    return isTold
      ? []
      : [`${nameOf(item)} is ${item.state} (${item.code ?? 'no code'}) although its source has no such file`];
  });
}

function itemsHoldTheirContent(facts: Facts): string[] {
  return [...wishes(facts)]
    .filter(({ item }) => item.state === 'success' || item.state === 'skipped')
    .filter(({ item, wish }) => !facts.since(wish.file, wish.version).has(item.sha256 ?? ''))
    .map(({ item, wish }) => `${nameOf(item)} (${item.state}) holds none of the versions since ${wish.version}`);
}

function mediaAreNewest(facts: Facts): string[] {
  const byId = new Map(facts.media.map((media) => [media._id, media]));
  const imported = [...wishes(facts)].filter(({ item }) => item.state === 'success' || item.state === 'skipped');
  const byMedia = groupBy(imported, ({ batch, item }) => mediaIdOf(batch.projectId, batch.systemName, item.externalId));
  return [...byMedia].flatMap(([mediaId, imports]) => {
    const media = byId.get(mediaId);
    const newest = imports.reduce((left, right) => (left.batch.importSeq > right.batch.importSeq ? left : right));
    if (media === undefined) return [`${nameOf(newest.item)} has no media`];
    const isNewest = media.importSeq === newest.batch.importSeq && media.asset.sha256 === newest.item.sha256;
    const isRight = facts.since(newest.wish.file, newest.wish.version).has(media.asset.sha256);
    return isNewest && isRight ? [] : [`The media of ${nameOf(newest.item)} is not what its batch has imported`];
  });
}

function mediaAreOne({ media, items }: Facts): string[] {
  const pairs = groupBy(media, (each) => JSON.stringify([each.projectId, each.systemName, each.externalId]));
  const twice = [...pairs]
    .filter(([, same]) => same.length > 1)
    .map(([pair]) => `There is more than one media for ${pair}`);
  const named = new Set(items.map(({ mediaId }) => mediaId));
  const strangers = media
    .filter(({ _id }) => !named.has(_id))
    .map(({ _id }) => `No item has imported the media ${_id}`);
  return [...twice, ...strangers];
}

function mediaHaveBlobs({ media, blobs }: Facts): string[] {
  const sizes = new Map(blobs.map(({ name, bytes }) => [name, bytes]));
  return media
    .filter(({ asset }) => sizes.get(asset.sha256) !== asset.bytes)
    .map(
      ({ _id, asset }) =>
        `The media ${_id} has ${asset.bytes} bytes, its blob has ${sizes.get(asset.sha256) ?? 'none'}`,
    );
}

function blobsHash({ blobs }: Facts): string[] {
  return blobs
    .filter(({ name, sha256 }) => name !== sha256)
    .map(({ name, bytes }) => `The ${bytes} bytes of blob ${name} do not hash to its name`);
}

function webhooksArrived({ batches, webhooks }: Facts): string[] {
  const byBatch = groupBy(webhooks, ({ importId }) => importId);
  const untold = batches.filter(isAccepted).flatMap(({ _id, reopened = 0 }) => {
    const ids = new Set(byBatch.get(_id)?.map(({ webhookId }) => webhookId));
    return ids.size === 1 + reopened ? [] : [`Batch ${_id} has told its end under ${ids.size} webhook-ids`];
  });
  const unsigned = webhooks
    .filter(({ isSigned }) => !isSigned)
    .map(({ webhookId }) => `${webhookId} had no valid signature`);
  return [...untold, ...unsigned];
}

/** A path of the test's own source, which is no secret. */
function nameOf({ batchId, seq, externalId }: Item): string {
  return `Item ${seq} of batch ${batchId} (${externalId})`;
}
