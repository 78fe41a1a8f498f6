import { isDeepStrictEqual } from 'node:util';
import type { Media } from '../contract/media.js';
import type { MediaWrite, MediaWritten } from '../contract/store.js';

/**
 * create: the pair is new; replace: its content changes; confirm: the content stays, but the media now belongs to a newer batch,
 * which fences off the ones before it; done: nothing has to be written.
 */
export type MediaDecision =
  | { readonly step: 'create' | 'replace' | 'confirm' }
  | { readonly step: 'done'; readonly result: MediaWritten['result'] };

/** What a write has to do, given what the pair (systemName, externalId) holds. */
export function decideMediaWrite(existing: Media | null, write: MediaWrite): MediaDecision {
  if (existing === null) return { step: 'create' };
  if (existing.kind !== write.kind) return { step: 'done', result: 'kind_conflict' };
  if (existing.importSeq > write.importSeq) return { step: 'done', result: 'superseded' };
  if (!isSameContent(existing, write)) return { step: 'replace' };
  // An attempt of this batch that was repeated, or a batch whose confirmation is stored already.
  if (existing.importId === write.importId) return { step: 'done', result: existing.importAction };
  if (existing.importSeq === write.importSeq) return { step: 'done', result: 'unchanged' };
  return { step: 'confirm' };
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
