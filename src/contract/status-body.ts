import type { Batch } from './batch.js';
import { REASONS, SKIP_REASONS, type ReasonCode, type SkipCode } from './errors.js';
import type { ListedItem } from './item.js';
import type { Kind } from './kinds.js';

/** Choices of a service that change published bodies. */
export interface StatusStyle {
  /** State of an imported item: `success` as first published, `imported` as published later. */
  readonly itemSuccessState: 'success' | 'imported';
  /** Where the bytes of a blob can be fetched. */
  readonly assetUrl: (sha256: string, mimeType: string) => string;
}

/** The published answer while an import runs. */
export function startedBody(batch: Batch) {
  const startedAt = batch.startedAt ?? batch.createdAt;
  return { finished: false, state: 'started', id: batch._id, startedAt: publishedTime(startedAt) };
}

/** The published answer for an import that was cancelled, terminated or could not run. */
export function failedBody(batch: Batch) {
  return { finished: true, state: 'failed', id: batch._id };
}

/** What older clients expect for an unknown id: the sentence sits in `id`, as published for documents. */
export function lostBody(id: string) {
  return { finished: false, state: 'lost', id: `no import job found for id "${id}"` };
}

/** One entry of a finished import's list, in the published shape of its kind. */
export function itemBody(item: ListedItem, batch: Pick<Batch, 'kind' | 'systemName'>, style: StatusStyle) {
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
