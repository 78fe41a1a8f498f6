import { describe, expect, it } from '@jest/globals';
import type { Media } from '../../../src/domain/media.js';
import type { MediaContent } from '../../../src/store/store.js';
import { decideMediaWrite } from '../../../src/store/media.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';

const write = aMediaWrite({ importId: 'now', importSeq: 5, metadata: { a: 1, b: { c: 2, d: 3 } } });

function stored(changes: Partial<Media> = {}): MediaContent {
  const at = new Date();
  const earlier = { importId: 'before', importSeq: 4, importAction: 'created' as const };
  const media = { ...write, _id: 'id', createdAt: at, updatedAt: at, ...earlier, ...changes };
  return { media, contentToken: 'token' };
}

const replaced = (existing: MediaContent) => ({ step: 'replace', existing });
const confirmed = (existing: MediaContent) => ({ step: 'confirm', existing });

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
    const existing = stored(changes);

    expect(decideMediaWrite(existing, write)).toEqual(replaced(existing));
  });

  it('creates what was deleted anew for a newer batch, and keeps out an older one', () => {
    const left = (importSeq: number) => ({ deleted: { _id: 'id', importSeq }, contentToken: 'token' });

    expect(decideMediaWrite(left(4), write)).toEqual({ step: 'revive', existing: left(4) });
    expect(decideMediaWrite(left(6), write)).toEqual({ step: 'done', result: 'superseded' });
  });

  it('calls a write stale that is based on content which was deleted', () => {
    const left = { deleted: { _id: 'id', importSeq: 4 }, contentToken: 'token' };

    expect(decideMediaWrite(left, { ...write, basedOn: 'before' })).toEqual({ step: 'done', result: 'stale' });
  });

  it('confirms the same content of an older batch, whatever the order of metadata keys', () => {
    const existing = stored({ metadata: { b: { d: 3, c: 2 }, a: 1 } });

    expect(decideMediaWrite(existing, write)).toEqual(confirmed(existing));
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

    expect(decideMediaWrite(own, write)).toEqual(replaced(own));
  });
});

describe('decideMediaWrite of a write that is based on content', () => {
  const stale = { step: 'done', result: 'stale' };
  const [based, late] = [
    { ...write, basedOn: 'token' },
    { ...write, basedOn: 'token before' },
  ];
  const renamed = { fileName: 'other.mp4' };

  it('goes on as any other while the content is the stored one', () => {
    const [same, other] = [stored(), stored(renamed)];

    expect(decideMediaWrite(same, based)).toEqual(confirmed(same));
    expect(decideMediaWrite(other, based)).toEqual(replaced(other));
  });

  it('is stale when the content is another one, equal or not, or gone', () => {
    expect(decideMediaWrite(stored(), late)).toEqual(stale);
    expect(decideMediaWrite(stored(renamed), late)).toEqual(stale);
    expect(decideMediaWrite(null, based)).toEqual(stale);
  });

  it('is superseded or in conflict rather than stale', () => {
    expect(decideMediaWrite(stored({ importSeq: 6 }), late)).toEqual({ step: 'done', result: 'superseded' });
    expect(decideMediaWrite(stored({ kind: 'file' }), late)).toEqual({ step: 'done', result: 'kind_conflict' });
  });

  it('tells what its batch did when that is what replaced the content', () => {
    const own = stored({ importId: 'now', importSeq: 5, importAction: 'updated' });

    expect(decideMediaWrite(own, late)).toEqual({ step: 'done', result: 'updated' });
  });
});
