import { describe, expect, it } from '@jest/globals';
import { REASONS, SKIP_REASONS } from '../../../src/domain/errors.js';
import { adviceOf, causeOf, KNOWN_CODES } from '../../../ui/src/words/causes.js';
import { ago, bytes, duration, percent, playingTime, rate } from '../../../ui/src/words/numbers.js';
import { importMark, stateSentence, tabTitle } from '../../../ui/src/words/states.js';

const counts = { total: 3_000, open: 860, success: 2_100, skipped: 37, failed: 3 };
const running = { state: 'started', counts, etaSeconds: 240, waitingFor: [], kind: 'video' } as const;
const ended = { ...counts, open: 0, success: 2_960 };

describe('an import in a sentence', () => {
  it('tells how far it is and how long it takes', () => {
    expect(stateSentence(running)).toBe('Running: 2,140 of 3,000, about 4 min left');
    expect(stateSentence({ ...running, etaSeconds: null })).toBe('Running: 2,140 of 3,000');
  });

  it('tells the host that is waited for when most of what is open waits', () => {
    const waitingFor = [{ host: 'cdn.example.com', until: '2026-11-27T12:03:00Z', items: 600 }];
    expect(stateSentence({ ...running, waitingFor })).toMatch(
      /^Waiting for cdn\.example\.com until \d\d:03, 600 items$/,
    );
    expect(stateSentence({ ...running, waitingFor: [{ ...waitingFor[0], items: 12 } as never] })).toMatch(/^Running/);
  });

  it('tells what came of it', () => {
    expect(stateSentence({ ...running, state: 'success', counts: ended })).toBe(
      'Finished: 2,960 stored, 37 skipped, 3 failed',
    );
    expect(stateSentence({ ...running, state: 'paused' })).toBe('Paused: 2,140 of 3,000, 860 still to do');
    expect(stateSentence({ ...running, state: 'failed', counts: ended })).toBe(
      'Stopped: 2,960 stored, 37 skipped, 3 failed',
    );
  });

  it('says the state by word and shape, and that a finished import has failed items', () => {
    expect(importMark({ ...running, counts: { ...counts, failed: 0 } })).toEqual({ tone: 'running', word: 'Running' });
    expect(importMark(running)).toEqual({ tone: 'troubled', word: 'Troubled' });
    expect(importMark({ ...running, state: 'success', counts: ended })).toEqual({ tone: 'troubled', word: 'Finished' });
  });

  it('says in the tab how far it is, never 100 % before the end', () => {
    expect(tabTitle(running)).toBe('71 % · import of 3,000 videos');
    expect(tabTitle({ ...running, counts: { ...counts, open: 1 } })).toMatch(/^99 %/);
    expect(tabTitle({ ...running, state: 'success', counts: ended })).toBe('▲ 3 failed · import of 3,000 videos');
  });
});

describe('causes in words', () => {
  it('has words for every code of the service, and for no other', () => {
    expect([...KNOWN_CODES].sort()).toEqual([...Object.keys(REASONS), ...Object.keys(SKIP_REASONS)].sort());
  });

  it('shows a code that it does not know with the hint of the service', () => {
    expect([causeOf('new_code'), adviceOf('new_code', 'Do this')]).toEqual(['new_code', 'Do this']);
  });
});

describe('numbers and times', () => {
  it.each([
    [12, '12 ms'],
    [400, '0.4 s'],
    [12_000, '12 s'],
    [59_900, '1 min'],
    [240_000, '4 min'],
    [7_800_000, '2 h 10 min'],
    [3_600_000, '1 h'],
    [3 * 86_400_000, '3 days'],
  ])('calls %d ms %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it.each([
    [1, '1 byte'],
    [840, '840 bytes'],
    [1_234, '1.2 kB'],
    [999_600, '1.0 MB'],
    [53_687_091_200, '54 GB'],
  ])('calls %d bytes %s', (size, text) => {
    expect(bytes(size)).toBe(text);
  });

  it.each([
    [7, '0:07'],
    [760, '12:40'],
    [3_723, '1:02:03'],
  ])('shows %d seconds as %s', (seconds, text) => {
    expect(playingTime(seconds)).toBe(text);
  });

  it.each([
    [500, 'just now'],
    [40_000, '40 s ago'],
    [5_000_000, '1 h ago'],
    [100_000_000, 'yesterday'],
  ])('says of %d ms before that it was %s', (ms, text) => {
    expect(ago(1_800_000_000_000 - ms, 1_800_000_000_000)).toBe(text);
  });

  it('rounds a share so that something is never nothing and a part never all', () => {
    expect([percent(0, 9_000), percent(1, 9_000), percent(8_999, 9_000), percent(9_000, 9_000)]).toEqual([
      0, 1, 99, 100,
    ]);
  });

  it('shows a slow rate with a decimal', () => {
    expect([rate(0.42), rate(12.4), rate(1_240)]).toEqual(['0.4', '12', '1,240']);
  });
});
