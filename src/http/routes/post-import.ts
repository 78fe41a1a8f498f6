import { createHash } from 'node:crypto';
import { ApiError } from '../../contract/api-error.js';
import { parseImportRequest, type UrlCheck } from '../../contract/import-request.js';
import type { Kind } from '../../contract/kinds.js';
import type { MediaTypes } from '../../contract/media-type.js';
import type { AcceptBatch } from '../../intake/accept-batch.js';
import { readJson } from '../read-json.js';
import { tokenOf, type RequestHandler } from '../request-state.js';

/** Room for 10,000 items of 1.6 KiB each. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_KEY_LENGTH = 255;

/** `POST /api/:v/import/{videos,files,images}`: answers `{"id"}` when the import is durable. */
export function postImport(
  deps: { accept: AcceptBatch; mediaTypes: MediaTypes; checkUrl: UrlCheck },
  kind: Kind,
): RequestHandler {
  return async (ctx) => {
    const key = idempotencyKey(ctx.get('idempotency-key'), 'idempotency-key' in ctx.headers);
    const { value, raw } = await readJson(ctx, MAX_BODY_BYTES);
    const request = parseImportRequest(value, { kind, mediaTypes: deps.mediaTypes, checkUrl: deps.checkUrl });
    const { projectId } = tokenOf(ctx.state);
    const accepted = await deps.accept({
      projectId,
      kind,
      request,
      ...(key === null ? {} : { idempotency: { key, bodyHash: hashOf(kind, raw) } }),
    });
    ctx.body = { id: accepted.batchId };
  };
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
