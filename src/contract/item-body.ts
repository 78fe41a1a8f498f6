import type { ShownItem } from './item.js';

/** One entry of `GET /imports/:id/items`, with the address of what it brought in. Times are ISO 8601; JSON leaves out what is undefined, so keys without a value are absent. */
export function listedItemBody(item: ShownItem, assetUrl: (sha256: string, mimeType: string) => string) {
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
