import { describe, expect, it } from '@jest/globals';
import type { CheckedItem } from '../../../src/intake/request/item.js';
import type { ImportLine } from '../../../src/intake/request/envelope.js';
import { defaultMediaTypes } from '../../../src/domain/media-types.js';
import type { RequestRules } from '../../../src/intake/request/rules.js';
import { createLineVerdicts, takeLines } from '../../../src/intake/check-lines.js';
import { createBodyMemory } from '../../../src/intake/body-memory.js';
import { createSeenIds, type SeenIds, type SeenItem } from '../../../src/intake/distinct-items.js';
import { anItem } from '../../support/import-builders.js';
import { endlessRoom } from '../../support/posted-json.js';

const rules: RequestRules = {
  kind: 'video',
  mediaTypes: defaultMediaTypes(),
  checkUrl: (url) => ({ ok: true, url: new URL(url) }),
};

/** Takes the items, the first of them on line 2, and answers what was stored. */
async function take(
  items: Iterable<unknown> | AsyncIterable<unknown>,
  { isPartial = false, seen = createSeenIds(), bytes = 100, room = endlessRoom() } = {},
) {
  const stored: CheckedItem[] = [];
  const chunks: number[] = [];
  const verdicts = createLineVerdicts(isPartial);
  const lines = async function* (): AsyncGenerator<ImportLine[]> {
    await Promise.resolve();
    let line = 1;
    for await (const item of items) yield [{ line: ++line, bytes, item }];
  };
  const count = await takeLines({
    lines: lines(),
    rules,
    verdicts,
    store: (chunk, fromSeq) => {
      expect(fromSeq).toBe(stored.length);
      stored.push(...chunk);
      chunks.push(chunk.length);
      return Promise.resolve();
    },
    room,
    ids: { seen, read: (seqs) => Promise.resolve(new Map(seqs.map((seq) => [seq, stored[seq]?.externalId ?? '']))) },
  });
  return { count, ids: stored.map(({ externalId }) => externalId), chunks, rejected: verdicts.rejected() };
}

function* manyItems(count: number) {
  for (let index = 0; index < count; index += 1) yield anItem(`i${index}`);
}

describe('takeLines', () => {
  it('stores chunks of a thousand, in order', async () => {
    const { count, ids, chunks } = await take(manyItems(2_500));

    expect(count).toBe(2_500);
    expect(chunks).toEqual([1_000, 1_000, 500]);
    expect(ids.at(-1)).toBe('i2499');
  });

  it('stores sooner when lines are long', async () => {
    expect((await take(manyItems(10), { bytes: 1024 * 1024 })).chunks).toEqual([3, 3, 3, 1]);
  });

  it('names bad lines with all their problems', async () => {
    const items = [anItem('a'), anItem('b', { foo: 1, url: '' }), 7, anItem('a')];

    await expect(take(items)).rejects.toMatchObject({
      status: 400,
      details: {
        'line.3.url': 'Must not be empty',
        'line.3.foo': 'Additional properties not allowed',
        'line.4': 'Invalid type: expected object',
        'line.5.id': 'Must be unique, line 2 has the same',
      },
    });
  });

  it('names the first hundred problems and reads no further', async () => {
    let read = 0;
    const bad = function* () {
      for (; read < 1_000_000; read += 1) yield 7;
    };

    const refusal = await take(bad()).catch((error: unknown) => error);

    expect(Object.keys((refusal as { details: object }).details)).toHaveLength(100);
    expect(read).toBeLessThan(200);
  });

  it('leaves bad lines out when told to, and lists the first thousand of them', async () => {
    const items = [...manyItems(3), anItem('x', { foo: 1 }), anItem('i1'), ...Array.from({ length: 1_100 }, () => 7)];

    const { count, ids, rejected } = await take(items, { isPartial: true });

    expect({ count, ids }).toEqual({ count: 3, ids: ['i0', 'i1', 'i2'] });
    expect(rejected.total).toBe(1_102);
    expect(rejected.lines).toHaveLength(1_000);
    expect(rejected.lines[0]).toEqual({ line: 5, error: 'foo: Additional properties not allowed' });
  });

  it('stores what it holds after a second, although no further line comes', async () => {
    let isStored: () => void = () => undefined;
    const stored = new Promise<void>((resolve) => (isStored = resolve));
    const seen = createSeenIds();
    // An id is noted when its chunk is about to be stored.
    const noted: SeenIds = {
      ...seen,
      add: (id, seq) => {
        seen.add(id, seq);
        isStored();
      },
    };
    const slow = async function* () {
      yield anItem('a');
      await stored;
      yield anItem('b');
    };

    expect(await take(slow(), { seen: noted })).toMatchObject({ chunks: [1, 1], ids: ['a', 'b'] });
  });

  it('stores sooner when there is no more room, and goes on with what that gives back', async () => {
    const MIB = 1024 ** 2;
    const memory = createBodyMemory(96 * MIB);
    const room = memory.open('p1');
    // Of 32 MiB for chunks 4 are left, room for one item of a megabyte.
    room.keep(19 * MIB);
    expect(room.tryTake(9 * MIB)).toBe(true);

    expect(await take(manyItems(5), { bytes: MIB, room })).toMatchObject({ count: 5, chunks: [1, 1, 1, 1, 1] });
    // All of it was given back.
    expect(room.tryTake(4 * MIB)).toBe(true);
  });

  it('lists five problems and 500 bytes of a rejected line', async () => {
    const keys = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, 0]));
    const long = {
      ['\u20ac'.repeat(300)]: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`$${index}`, 0])),
    };
    const items = [anItem('a'), anItem('b', keys), anItem('c', { metadata: long })];

    const { rejected } = await take(items, { isPartial: true });

    expect(rejected.lines[0]?.error).toMatch(/^k0: Additional properties not allowed; .*; and more$/);
    expect(Buffer.byteLength(rejected.lines[1]?.error ?? '')).toBeLessThanOrEqual(500);
    expect(rejected.lines[1]?.error).toMatch(/^metadata\.\u20ac+/);
    expect(rejected.lines[1]?.error).not.toContain('\uFFFD');
  });

  it('refuses a partial batch after 10,000 bad lines when fewer are good, and says so', async () => {
    let read = 0;
    const bad = function* () {
      yield* manyItems(9_999);
      for (; read < 1_000_000; read += 1) yield 7;
    };

    const refusal = await take(bad(), { isPartial: true }).catch((error: unknown) => error);

    expect((refusal as { details: object }).details).toMatchObject({
      body: 'Nothing was taken: 10000 of the first 20000 lines are bad, more than are good',
      'line.10001': 'Invalid type: expected object',
    });
    expect(read).toBeLessThan(10_010);
  });

  it('takes a partial batch of more than 10,000 bad lines when more are good', async () => {
    const mixed = function* () {
      yield* manyItems(10_001);
      for (let index = 0; index < 10_001; index += 1) yield 7;
    };

    expect(await take(mixed(), { isPartial: true })).toMatchObject({ count: 10_001, rejected: { total: 10_001 } });
  });

  it('finds an id again in a later chunk, and does not take a hash for an id', async () => {
    const again = [...manyItems(1_500), anItem('i3')];
    // As if every id had the same hash as every other.
    const collide = (): SeenIds => {
      const items: SeenItem[] = [];
      return { candidates: () => [...items], add: (_id, item) => void items.push(item) };
    };

    await expect(take(again)).rejects.toMatchObject({
      details: { 'line.1502.id': 'Must be unique, line 5 has the same' },
    });
    await expect(take(again, { seen: collide() })).rejects.toMatchObject({
      details: { 'line.1502.id': 'Must be unique, line 5 has the same' },
    });
    expect((await take(manyItems(1_500), { seen: collide() })).count).toBe(1_500);
  });

  it('names the first line of an id that stands on many, past lines that hold nothing or are bad', async () => {
    const items = [anItem('a', { foo: 1 }), 7, anItem('b'), anItem('b'), ...manyItems(1_500), anItem('b'), anItem('a')];

    const { rejected } = await take(items, { isPartial: true });

    expect(rejected.lines.slice(2)).toEqual([
      { line: 5, error: 'id: Must be unique, line 4 has the same' },
      { line: 1_506, error: 'id: Must be unique, line 4 has the same' },
    ]);
  });

  it.each([false, true])('refuses a batch without a good line, partial or not (%s)', async (isPartial) => {
    await expect(take([], { isPartial })).rejects.toMatchObject({
      status: 400,
      details: { body: 'Must have at least one item' },
    });
    await expect(take([7], { isPartial })).rejects.toMatchObject({
      details: { 'line.2': 'Invalid type: expected object' },
    });
  });
});

describe('createSeenIds', () => {
  it('finds what was added while it grows, and nothing else', () => {
    const seen = createSeenIds();
    for (let seq = 0; seq < 50_000; seq += 1) seen.add(`id-${seq}`, { seq, line: 2 * seq + 7 });

    expect(seen.candidates('id-0')).toEqual([{ seq: 0, line: 7 }]);
    expect(seen.candidates('id-25000')).toEqual([{ seq: 25_000, line: 50_007 }]);
    expect(seen.candidates('id-49999')).toEqual([{ seq: 49_999, line: 100_005 }]);
    expect(Array.from({ length: 1_000 }, (_, index) => seen.candidates(`other-${index}`)).flat()).toEqual([]);
  });

  it('tells how much it grows, and takes at most 32 bytes an id', () => {
    let kept = 0;
    const seen = createSeenIds((bytes) => (kept += bytes));
    for (let seq = 0; seq < 200_000; seq += 1) seen.add(`id-${seq}`, { seq, line: seq + 2 });

    expect(kept / 200_000).toBeGreaterThan(15);
    expect(kept / 200_000).toBeLessThan(34);
  });
});
