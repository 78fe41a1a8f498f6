import { isDeepStrictEqual } from 'node:util';
import type { Media } from '../contract/media.js';
import type { MediaContent, MediaWrite, MediaWritten } from '../contract/store.js';

/**
 * create: the pair is new; replace: its content changes; confirm: the content stays, but the media now belongs to a newer batch,
 * which fences off the ones before it; done: nothing has to be written.
 */
export type MediaDecision =
  | { readonly step: 'create' }
  | { readonly step: 'replace' | 'confirm'; readonly existing: MediaContent }
  | { readonly step: 'done'; readonly result: MediaWritten['result'] };

/** What a write has to do, given what the pair (systemName, externalId) holds. */
export function decideMediaWrite(existing: MediaContent | null, write: MediaWrite): MediaDecision {
  const isBased = write.basedOn !== undefined;
  if (existing === null) return isBased ? { step: 'done', result: 'stale' } : { step: 'create' };
  const { media, contentToken } = existing;
  if (media.kind !== write.kind) return { step: 'done', result: 'kind_conflict' };
  if (media.importSeq > write.importSeq) return { step: 'done', result: 'superseded' };
  const isSame = isSameContent(media, write);
  // An attempt of this batch that was repeated. What it was based on is gone because it got through itself.
  if (isSame && media.importId === write.importId) return { step: 'done', result: media.importAction };
  if (isBased && contentToken !== write.basedOn) return { step: 'done', result: 'stale' };
  if (!isSame) return { step: 'replace', existing };
  // A batch whose confirmation is stored already.
  if (media.importSeq === write.importSeq) return { step: 'done', result: 'unchanged' };
  return { step: 'confirm', existing };
}

/** Same bytes, fileName, metadata (whatever the order of its keys) and mediaType. */
function isSameContent(existing: Media, write: MediaWrite): boolean {
  return (
    existing.asset.sha256 === write.asset.sha256 &&
    existing.fileName === write.fileName &&
    existing.mediaType === write.mediaType &&
    isDeepStrictEqual(existing.metadata, write.metadata)
  );
}
