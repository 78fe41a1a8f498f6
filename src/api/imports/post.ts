import { createHash } from 'node:crypto';
import { ApiError } from '../../domain/api-error.js';
import { URGENT_SCOPE, type Kind } from '../../domain/import.js';
import type { RequestRules } from '../../intake/request/rules.js';
import type { AcceptBatch, AcceptLines } from '../../intake/accept.js';
import type { BodyMemory, BodyRoom } from '../../intake/body-memory.js';
import { checkImport } from '../../intake/check-items.js';
import type { Rejected } from '../../intake/check-lines.js';
import { dryRunLines } from '../../intake/dry-run.js';
import { idempotencyKey } from '../action.js';
import { demandUtf8, mediaTypeOf, readJson } from '../bodies/json.js';
import { LINE_FORMATS, readPostedLines, type LineFormat } from '../bodies/lines.js';
import { tokenCheckOf, tokenOf, type RequestContext, type RequestHandler } from '../context.js';

/** Room for 10,000 items of 1.6 KiB each. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

export interface PostImportDeps extends Omit<RequestRules, 'kind'> {
  readonly accept: AcceptBatch;
  readonly acceptLines: AcceptLines;
  readonly memory: BodyMemory;
}

/** `POST /api/:v/import/{videos,files,images}`: answers `{"id"}` when the import is durable. */
export function postImport({ accept, acceptLines, memory, ...rest }: PostImportDeps, kind: Kind): RequestHandler {
  const rules: RequestRules = { kind, ...rest };

  const takeLines = async (ctx: RequestContext, format: LineFormat, key: string | null, room: BodyRoom) => {
    const caller = callerOf(ctx);
    const stillAllowed = tokenCheckOf(ctx.state);
    const { bodyHash, close, isDryRun, ...posted } = await readPostedLines(ctx, format, rules, room);
    if (isDryRun) return dryRunLines({ lines: posted.lines, rules, room }).finally(close);
    const idempotency = key === null ? {} : { idempotency: { key, bodyHash } };
    const accepted = acceptLines({ ...caller, kind, rules, room, stillAllowed, ...posted, ...idempotency });
    const { batchId, rejected } = await accepted.finally(close);
    return { id: batchId, ...(posted.isPartial ? rejectedPart(rejected) : {}) };
  };

  const takeJson = async (ctx: RequestContext, key: string | null, room: BodyRoom) => {
    const caller = callerOf(ctx);
    demandWhole(ctx);
    // The same body posted to another route is another request.
    const hash = createHash('sha256').update(`${kind}\n`);
    const request = await checkImport(await readJson(ctx, MAX_BODY_BYTES, room, hash), rules, room);
    const idempotency = key === null ? {} : { idempotency: { key, bodyHash: hash.digest('hex') } };
    const { batchId } = await accept({ ...caller, kind, request, ...idempotency });
    return { id: batchId };
  };

  return async (ctx) => {
    const key = idempotencyKey(ctx);
    const type = mediaTypeOf(ctx);
    demandUtf8(ctx, type === 'application/json' || isLineType(type), ['application/json', ...LINE_TYPES]);
    const room = memory.open(tokenOf(ctx.state).projectId);
    try {
      ctx.body = await (isLineType(type) ? takeLines(ctx, LINE_FORMATS[type], key, room) : takeJson(ctx, key, room));
    } finally {
      room.close();
    }
  };
}

/** What the token of a POST says about its batch. */
function callerOf({ state }: RequestContext) {
  const { projectId, scopes } = tokenOf(state);
  return { projectId, mayBeUrgent: scopes.has(URGENT_SCOPE) };
}

const LINE_TYPES = Object.keys(LINE_FORMATS);

function isLineType(type: string): type is keyof typeof LINE_FORMATS {
  return Object.hasOwn(LINE_FORMATS, type);
}

/** A client that asks for something else than all or nothing must not get it unawares. */
function demandWhole(ctx: RequestContext): void {
  const given = ['partial', 'dryRun'].filter((name) => ctx.query[name] !== undefined);
  if (given.length === 0) return;
  const sentence = `Is a parameter of ${LINE_TYPES.join(' and ')} only`;
  throw new ApiError(400, Object.fromEntries(given.map((name) => [name, sentence])));
}

/** The total only where it says more than the list. */
function rejectedPart({ lines, total }: Rejected) {
  return { rejected: lines, ...(total > lines.length ? { rejectedTotal: total } : {}) };
}
