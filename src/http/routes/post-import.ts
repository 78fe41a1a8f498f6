import { createHash } from 'node:crypto';
import { ApiError } from '../../contract/api-error.js';
import { parseImportRequest } from '../../contract/import-request.js';
import type { Kind } from '../../contract/kinds.js';
import { URGENT_SCOPE } from '../../contract/priority.js';
import type { RequestRules } from '../../contract/request-rules.js';
import type { AcceptBatch } from '../../intake/accept-batch.js';
import type { AcceptLines } from '../../intake/accept-lines.js';
import type { Rejected } from '../../intake/line-verdicts.js';
import type { WithinMemory } from '../body-memory.js';
import { demandUtf8, mediaTypeOf } from '../content-type.js';
import { readJson } from '../read-json.js';
import { LINE_FORMATS, readPostedLines } from '../read-lines.js';
import { tokenOf, type RequestContext, type RequestHandler } from '../request-state.js';

/** Room for 10,000 items of 1.6 KiB each. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_KEY_LENGTH = 255;

export interface PostImportDeps extends Omit<RequestRules, 'kind'> {
  readonly accept: AcceptBatch;
  readonly acceptLines: AcceptLines;
  readonly withinMemory: WithinMemory;
}

/** `POST /api/:v/import/{videos,files,images}`: answers `{"id"}` when the import is durable. */
export function postImport({ accept, acceptLines, withinMemory, ...rest }: PostImportDeps, kind: Kind): RequestHandler {
  const rules: RequestRules = { kind, ...rest };
  return async (ctx) => {
    const key = idempotencyKey(ctx.get('idempotency-key'), 'idempotency-key' in ctx.headers);
    const { projectId, scopes } = tokenOf(ctx.state);
    const mayBeUrgent = scopes.has(URGENT_SCOPE);
    const type = mediaTypeOf(ctx);
    demandUtf8(ctx, type === 'application/json' || isLineType(type), ['application/json', ...LINE_TYPES]);
    if (isLineType(type)) {
      const { bodyHash, close, ...posted } = await readPostedLines(ctx, LINE_FORMATS[type], rules);
      const idempotency = key === null ? {} : { idempotency: { key, bodyHash } };
      const accepted = acceptLines({ projectId, kind, mayBeUrgent, rules, ...posted, ...idempotency }).finally(close);
      const { batchId, rejected } = await accepted;
      ctx.body = { id: batchId, ...(posted.isPartial ? rejectedPart(rejected) : {}) };
      return;
    }
    demandWhole(ctx);
    const accepted = await withinMemory(ctx, async () => {
      const { value, raw } = await readJson(ctx, MAX_BODY_BYTES);
      const request = parseImportRequest(value, rules);
      const idempotency = key === null ? {} : { idempotency: { key, bodyHash: hashOf(kind, raw) } };
      return accept({ projectId, kind, request, mayBeUrgent, ...idempotency });
    });
    ctx.body = { id: accepted.batchId };
  };
}

const LINE_TYPES = Object.keys(LINE_FORMATS);

function isLineType(type: string): type is keyof typeof LINE_FORMATS {
  return Object.hasOwn(LINE_FORMATS, type);
}

/** A client that asks for something else than all or nothing must not get it unawares. */
function demandWhole(ctx: RequestContext): void {
  if (ctx.query['partial'] === undefined) return;
  throw new ApiError(400, { partial: `Is a parameter of ${LINE_TYPES.join(' and ')} only` });
}

/** The total only where it says more than the list. */
function rejectedPart({ lines, total }: Rejected) {
  return { rejected: lines, ...(total > lines.length ? { rejectedTotal: total } : {}) };
}

function idempotencyKey(value: string, isGiven: boolean): string | null {
  if (!isGiven) return null;
  if (value.length < 1 || value.length > MAX_KEY_LENGTH)
    throw new ApiError(400, { 'Idempotency-Key': `Must have 1 to ${MAX_KEY_LENGTH} characters` });
  return value;
}

/** The same body posted to another route is another request. */
function hashOf(kind: Kind, raw: Buffer): string {
  return createHash('sha256').update(`${kind}\n`).update(raw).digest('hex');
}
