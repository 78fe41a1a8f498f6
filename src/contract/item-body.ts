import type { ShownItem } from './item.js';

/** One entry of `GET /imports/:id/items`. Times are ISO 8601; JSON leaves out what is undefined, so keys without a value are absent. */
export function listedItemBody(item: ShownItem) {
  const { lastAttempt } = item;
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
    sha256: item.sha256,
    mimeType: item.mimeType,
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
