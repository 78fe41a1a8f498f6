import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createChunkBuffer } from '../../../src/blobs/write-queue.js';

describe('createChunkBuffer', () => {
  it('gives back any chunks in order and never holds more than its capacity', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 500 }),
        fc.option(fc.integer({ min: 0, max: 10_000 })),
        fc.boolean(),
        (chunks, capacity, hint, givesBack) => {
          const buffer = createChunkBuffer(capacity, hint);
          const taken: Buffer[] = [];
          for (const chunk of chunks) {
            let used = buffer.append(chunk);
            while (used < chunk.length) {
              expect(buffer.length).toBe(capacity);
              const full = buffer.take();
              taken.push(Buffer.from(full));
              if (givesBack) buffer.giveBack(full);
              used += buffer.append(chunk.subarray(used));
            }
          }
          taken.push(buffer.take());
          expect(Buffer.concat(taken).equals(Buffer.concat(chunks))).toBe(true);
          expect(taken.slice(0, -1).every((bytes) => bytes.length === capacity)).toBe(true);
        },
      ),
    );
  });

  it('fills the memory that it was given back, and no other that is still in use', () => {
    const buffer = createChunkBuffer(4, null);
    buffer.append(Buffer.from('abcd'));
    const first = buffer.take();
    buffer.append(Buffer.from('efgh'));
    const second = buffer.take();
    expect(second.buffer === first.buffer && second.byteOffset === first.byteOffset).toBe(false);
    buffer.giveBack(first);
    buffer.append(Buffer.from('ijkl'));
    const third = buffer.take();
    expect([third.buffer === first.buffer, third.byteOffset]).toEqual([true, first.byteOffset]);
    expect([second.toString(), third.toString()]).toEqual(['efgh', 'ijkl']);
  });
});
