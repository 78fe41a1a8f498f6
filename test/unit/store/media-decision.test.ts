import { describe, expect, it } from '@jest/globals';
import type { Media } from '../../../src/contract/media.js';
import { decideMediaWrite } from '../../../src/store/media-decision.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';

const write = aMediaWrite({ importId: 'now', importSeq: 5, metadata: { a: 1, b: { c: 2, d: 3 } } });

function stored(changes: Partial<Media> = {}): Media {
  const at = new Date();
  const earlier = { importId: 'before', importSeq: 4, importAction: 'created' as const };
  return { ...write, _id: 'id', createdAt: at, updatedAt: at, ...earlier, ...changes };
}

describe('decideMediaWrite', () => {
  it('creates a pair that is new', () => {
    expect(decideMediaWrite(null, write)).toEqual({ step: 'create' });
  });

  it.each([
    ['other bytes', { asset: anAsset('b') }],
    ['another fileName', { fileName: 'other.mp4' }],
    ['another media type', { mediaType: 'trailer' }],
    ['other metadata', { metadata: { a: 1, b: { c: 2, d: 4 } } }],
    ['metadata with a key more', { metadata: { a: 1, b: { c: 2, d: 3 }, e: null } }],
  ])('replaces %s of an older batch', (_, changes) => {
    expect(decideMediaWrite(stored(changes), write)).toEqual({ step: 'replace' });
  });

  it('confirms the same content of an older batch, whatever the order of metadata keys', () => {
    expect(decideMediaWrite(stored({ metadata: { b: { d: 3, c: 2 }, a: 1 } }), write)).toEqual({ step: 'confirm' });
  });

  it('refuses a pair that holds another kind, also when the batch is older', () => {
    const conflict = { step: 'done', result: 'kind_conflict' };

    expect(decideMediaWrite(stored({ kind: 'file' }), write)).toEqual(conflict);
    expect(decideMediaWrite(stored({ kind: 'file', importSeq: 9 }), write)).toEqual(conflict);
  });

  it('gives way to a newer batch, also when the content is the same', () => {
    expect(decideMediaWrite(stored({ importSeq: 6 }), write)).toEqual({ step: 'done', result: 'superseded' });
  });

  it.each(['created', 'updated'] as const)(
    'reports %s again when this batch has written the content',
    (importAction) => {
      const own = stored({ importId: 'now', importSeq: 5, importAction });

      expect(decideMediaWrite(own, write)).toEqual({ step: 'done', result: importAction });
    },
  );

  it('reports unchanged again when this batch has confirmed the content', () => {
    expect(decideMediaWrite(stored({ importSeq: 5 }), write)).toEqual({ step: 'done', result: 'unchanged' });
  });

  it('replaces what an earlier attempt of this batch wrote when the source has changed since', () => {
    const own = stored({ importId: 'now', importSeq: 5, asset: anAsset('b') });

    expect(decideMediaWrite(own, write)).toEqual({ step: 'replace' });
  });
});
