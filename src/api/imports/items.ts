import type { Problems } from '../../domain/api-error.js';
import { REASONS, SKIP_REASONS, type ReasonCode, type SkipCode } from '../../domain/errors.js';
import { MAX_SHOWN_BYTES, shownBytes, type ShownItem, type ItemState } from '../../domain/item.js';
import type { BatchStore, ItemFilter, ItemStore } from '../../store/store.js';
import { tokenOf, type RequestHandler } from '../context.js';
import { importNotFound } from '../errors.js';
import { filteredListQuery, sendList, type ListFilters } from '../query.js';
import type { HoldAnswer } from '../shared-answers.js';

/** One entry of `GET /imports/:id/items`, with the address of what it brought in. Times are ISO 8601; JSON leaves out what is undefined, so keys without a value are absent. */
function listedItemBody(item: ShownItem, assetUrl: (sha256: string, mimeType: string) => string) {
  const { lastAttempt, sha256, mimeType } = item;
  return {
    seq: item.seq,
    externalId: item.externalId,
    state: item.state,
    code: item.code,
    reason: item.reason,
    attempts: item.attempts,
    host: item.host,
    mediaId: item.mediaId,
    bytes: item.bytes,
    sha256,
    mimeType,
    assetUrl: sha256 === undefined || mimeType === undefined ? undefined : assetUrl(sha256, mimeType),
    action: item.action,
    nextAttemptAt: item.nextAttemptAt?.toISOString(),
    updatedAt: item.updatedAt.toISOString(),
    lastAttempt: lastAttempt && {
      stage: lastAttempt.stage,
      httpStatus: lastAttempt.httpStatus,
      contentType: lastAttempt.contentType,
      durationMs: lastAttempt.durationMs,
    },
  };
}

export interface ItemsDeps {
  readonly batches: Pick<BatchStore, 'find'>;
  readonly items: Pick<ItemStore, 'list'>;
  readonly holdAnswer: HoldAnswer;
  readonly publicUrl: string;
  /** Where the bytes of a blob can be fetched by clients. */
  readonly assetUrl: (sha256: string, mimeType: string) => string;
}

const STATES: readonly string[] = ['open', 'success', 'skipped', 'failed'] satisfies ItemState[];
const CODES: readonly string[] = [...Object.keys(REASONS), ...Object.keys(SKIP_REASONS)];
/** RFC 1035 section 2.3.4. */
const MAX_HOST_LENGTH = 255;
/** Three times a page of 1,000 usual items. A page that comes to more ends early, which its `next` tells. */
const MAX_PAGE_BYTES = 2 * 1024 ** 2;
const SURELY_WHOLE_BYTES = MAX_PAGE_BYTES - MAX_SHOWN_BYTES;
/** An item with long texts, as objects and as JSON. */
const ROOM_OF_ITEM = 4 * 1024;
const FILTERS: ListFilters<'state' | 'code' | 'host', ItemFilter> = {
  // `itemKey` has eight digits.
  cursor: /^\d{1,8}$/,
  parameters: ['state', 'code', 'host'],
  read: filterOf,
};

/** `GET /api/:v/imports/:id/items?state=&code=&host=&after=&limit=`: a page of the items of one import, in request order. */
export function getItems({ batches, items, holdAnswer, assetUrl, publicUrl }: ItemsDeps): RequestHandler {
  return async (ctx) => {
    const [, , , , id = ''] = ctx.path.split('/');
    const { after, limit, filter } = filteredListQuery(ctx.query, FILTERS);
    const batch = await batches.find(tokenOf(ctx.state).projectId, id);
    if (batch === null || batch.state === 'storing') throw importNotFound(id);
    await holdAnswer(ctx, limit * ROOM_OF_ITEM);
    // One more tells whether there is another page.
    const page = { afterSeq: Number(after ?? -1), limit: limit + 1, maxBytes: MAX_PAGE_BYTES };
    const found = await items.list(batch._id, page, filter);
    const shown = found.slice(0, limit);
    const last = shown.at(-1)?.seq ?? 0;
    // One that is not full may have come to its bytes, which another look tells.
    const isCut = found.length <= limit && found.reduce((sum, item) => sum + shownBytes(item), 0) > SURELY_WHOLE_BYTES;
    const rest = isCut ? await items.list(batch._id, { afterSeq: last, limit: 1 }, filter) : found.slice(limit);
    const bodies = shown.map((item) => listedItemBody(item, assetUrl));
    sendList(ctx, publicUrl, bodies, rest.length > 0 ? String(last) : null);
  };
}

function filterOf(query: Partial<Record<string, string>>, problems: Problems): ItemFilter {
  const { state, code, host } = query;
  if (state !== undefined && !STATES.includes(state)) problems.add(['state'], `Must be one of ${STATES.join(', ')}`);
  if (code !== undefined && !CODES.includes(code)) problems.add(['code'], 'Must be a reason code');
  if (host === '' || (host !== undefined && host.length > MAX_HOST_LENGTH))
    problems.add(['host'], `Must have 1 to ${MAX_HOST_LENGTH} characters`);
  return {
    ...(state === undefined ? {} : { state: state as ItemState }),
    ...(code === undefined ? {} : { code: code as ReasonCode | SkipCode }),
    // Host names of parsed URLs are in lower case.
    ...(host === undefined ? {} : { host: host.toLowerCase() }),
  };
}
