import { Readable } from 'node:stream';
import { ApiError } from '../../domain/api-error.js';
import { REASONS, SKIP_REASONS, type ReasonCode, type SkipCode } from '../../domain/errors.js';
import { KINDS, type Batch, type Kind } from '../../domain/import.js';
import type { ListedItem } from '../../domain/item.js';
import type { ReadStatus } from '../../intake/read-status.js';
import type { ItemStore } from '../../store/store.js';
import { tokenCheckOf, tokenOf, type AccessToken, type RequestHandler } from '../context.js';
import { importNotFound, importOfOtherKind } from '../errors.js';
import { setRetryAfter, type WaitForChange } from './poll.js';
import { MOST_BYTES_OF_ONE, type HoldAnswer, type SharedBodies } from '../shared-answers.js';

/** Choices of a service that change published bodies. */
interface StatusStyle {
  /** State of an imported item: `success` as first published, `imported` as published later. */
  readonly itemSuccessState: 'success' | 'imported';
  /** Where the bytes of a blob can be fetched. */
  readonly assetUrl: (sha256: string, mimeType: string) => string;
}

/** The published answer while an import runs. */
function startedBody(batch: Batch) {
  const startedAt = batch.startedAt ?? batch.createdAt;
  return { finished: false, state: 'started', id: batch._id, startedAt: publishedTime(startedAt) };
}

/** The published answer for an import that was cancelled, terminated or could not run. */
function failedBody(batch: Batch) {
  return { finished: true, state: 'failed', id: batch._id };
}

/** What older clients expect for an unknown id: the sentence sits in `id`, as published for documents. */
function lostBody(id: string) {
  return { finished: false, state: 'lost', id: `no import job found for id "${id}"` };
}

/** One entry of a finished import's list, in the published shape of its kind. */
function itemBody(item: ListedItem, batch: Pick<Batch, 'kind' | 'systemName'>, style: StatusStyle) {
  const pair = { systemName: batch.systemName, externalId: item.externalId };
  switch (item.state) {
    case 'success':
      return { state: style.itemSuccessState, ...pair, ...mediaPart(item, batch.kind, style) };
    case 'skipped':
      return { state: 'skipped', reason: reasonOf(item), ...pair, ...mediaPart(item, batch.kind, style) };
    // An ended import has no open items; should one be left, it was not done.
    case 'open':
    case 'failed':
      return { state: 'failed', reason: reasonOf(item), ...pair, code: item.code ?? 'cancelled' };
  }
}

/** `YYYY-MM-DD HH:mm:ss` in UTC, as published. */
function publishedTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ');
}

function mediaPart(item: ListedItem, kind: Kind, style: StatusStyle) {
  const { mediaId, mimeType } = item;
  if (mediaId === undefined) return {};
  if (kind === 'file') return { mediaId };
  const originalUrl =
    item.sha256 === undefined ? undefined : style.assetUrl(item.sha256, mimeType ?? 'application/octet-stream');
  if (kind === 'video') return { video: { mediaId, originalUrl, mimeType } };
  return { image: { mediaId, originalUrl, url: originalUrl, width: item.width, height: item.height, mimeType } };
}

const REASON_TEXTS: Partial<Record<ReasonCode | SkipCode, string>> = {
  ...SKIP_REASONS,
  ...Object.fromEntries(Object.entries(REASONS).map(([code, { title }]) => [code, title])),
};

function reasonOf(item: ListedItem): string {
  return item.reason ?? REASON_TEXTS[item.code ?? 'cancelled'] ?? REASONS.cancelled.title;
}

/** Few writes for many items, and little memory for any number of them. */
const CHUNK_CHARACTERS = 64 * 1024;
/** Below the shortest entry there is: 86 for a file whose `systemName` and id have one character each, and its comma. */
const LEAST_ENTRY_BYTES = 80;
/** A list of so many is larger than what is shared, and would be read twice to find out. */
const SURELY_LARGE_ITEMS = MOST_BYTES_OF_ONE / LEAST_ENTRY_BYTES;
/** An entry with long texts. A list that is streamed takes no more than the largest that is not: a window of its items at a time. */
const ROOM_OF_ENTRY = 4 * 1024;
/** How long a token is taken to be as good as it was: a stream goes through a few thousand items in that time. */
const RECHECK_MS = 5_000;

export interface StatusDeps {
  readonly readStatus: ReadStatus;
  readonly waitForChange: WaitForChange;
  readonly items: Pick<ItemStore, 'stream'>;
  readonly sharedBodies: SharedBodies;
  readonly holdAnswer: HoldAnswer;
  readonly style: StatusStyle;
  readonly unknownId: '404' | 'lost';
}

/** `GET /api/:v/import/{videos,files,images}/status?id=`: one of the published bodies, a list of items from memory or streamed. */
export function getStatus(deps: StatusDeps, kind: Kind): RequestHandler {
  return async (ctx) => {
    const { id } = ctx.query;
    if (typeof id !== 'string' || id === '') throw new ApiError(400, { id: 'Must be given once as a query parameter' });
    const { projectId } = tokenOf(ctx.state);
    const read = () => deps.readStatus({ projectId, batchId: id });
    // The published body says nothing of a running import but that it runs.
    const status = await deps.waitForChange(ctx, read, (found) =>
      found === null || found.batch.kind !== kind || found.batch.finishedAt !== undefined ? null : 'started',
    );
    if (status === null && deps.unknownId === 'lost') {
      ctx.body = lostBody(id);
      return;
    }
    if (status === null) throw importNotFound(id);
    const { batch } = status;
    if (batch.kind !== kind) throw importOfOtherKind(batch._id, batch.kind, ctx.path.split('/')[2] ?? '');
    if (batch.state === 'failed') ctx.body = failedBody(batch);
    else if (batch.state !== 'success') {
      setRetryAfter(ctx, batch);
      ctx.body = startedBody(batch);
    } else {
      const readList = () => successChunks(batch, deps.items.stream(batch._id), deps.style);
      ctx.type = 'application/json';
      // What has ended like this is never opened again: its list does not change.
      const mayBeShared = batch.itemCount <= SURELY_LARGE_ITEMS;
      const room = Math.min(MOST_BYTES_OF_ONE, batch.itemCount * ROOM_OF_ENTRY);
      const giveBack = await deps.holdAnswer(ctx, room, mayBeShared ? batch._id : undefined);
      const shared = mayBeShared ? await deps.sharedBodies(batch._id, readList) : null;
      if (mayBeShared && shared === null) {
        // Too large to be shared after all: each of its readers takes room of its own.
        giveBack();
        await deps.holdAnswer(ctx, room);
      }
      ctx.body = shared ?? (await streamed(whileAllowed(readList(), tokenOf(ctx.state), tokenCheckOf(ctx.state))));
    }
  };
}

/** Reads the first chunk before the headers are sent, so that an unreachable database still becomes a 503. */
async function streamed(chunks: AsyncGenerator<string, undefined>): Promise<Readable> {
  const first = await chunks.next();
  const body = Readable.from(prepend(first.value ?? '', chunks), { objectMode: false });
  // A stream that is destroyed before its first read (HEAD, a client that is gone) never ends what it was made from.
  body.once('close', () => {
    chunks.return(undefined).catch(() => undefined);
  });
  return body;
}

/** The chunks until the token that they were asked for with has expired or was revoked: the answer is cut off then. */
async function* whileAllowed(
  chunks: AsyncIterable<string>,
  { expiresAt }: AccessToken,
  checkToken: () => Promise<void>,
): AsyncGenerator<string, undefined> {
  let checkedAt = Date.now();
  for await (const chunk of chunks) {
    const now = Date.now();
    if (now - checkedAt >= RECHECK_MS || now >= expiresAt) {
      await checkToken();
      checkedAt = now;
    }
    yield chunk;
  }
}

async function* prepend(first: string, rest: AsyncIterable<string>): AsyncGenerator<string, undefined> {
  yield first;
  yield* rest;
}

async function* successChunks(
  batch: Batch,
  items: AsyncIterable<ListedItem>,
  style: StatusStyle,
): AsyncGenerator<string, undefined> {
  const head = JSON.stringify({ finished: true, state: 'success', id: batch._id });
  let text = `${head.slice(0, -1)},"${KINDS[batch.kind].plural}":[`;
  let separator = '';
  for await (const item of items) {
    text += separator + JSON.stringify(itemBody(item, batch, style));
    separator = ',';
    if (text.length > CHUNK_CHARACTERS) {
      yield text;
      text = '';
    }
  }
  yield `${text}]}`;
}
