import { describe, expect, it } from '@jest/globals';
import { createSharedBodies } from '../../../src/api/shared-answers.js';

const MIB = 1024 ** 2;

async function* chunksOf(...chunks: (string | Error)[]): AsyncGenerator<string, undefined> {
  for (const chunk of chunks) {
    await Promise.resolve();
    if (chunk instanceof Error) throw chunk;
    yield chunk;
  }
}

describe('createSharedBodies', () => {
  it('answers what the chunks make up together', async () => {
    const body = await createSharedBodies()('a', () => chunksOf('[1,', '"ü"', ']'));

    expect(body?.toString()).toBe('[1,"ü"]');
  });

  it('does not read on when a body is too large to be kept', async () => {
    let read = 0;
    const endless = async function* () {
      for (;;) {
        read += 1;
        await Promise.resolve();
        yield 'x'.repeat(MIB);
      }
    };

    await expect(createSharedBodies()('a', endless)).resolves.toBeNull();
    expect(read).toBe(9);
  });

  it('keeps no failure', async () => {
    const bodies = createSharedBodies();
    const failing = () => chunksOf('[', new Error('the database went away'));

    await expect(bodies('a', failing)).rejects.toThrow('the database went away');
    await expect(bodies('a', () => chunksOf('[]')).then(String)).resolves.toBe('[]');
  });

  it('lets go of the bodies that were asked for longest ago', async () => {
    const bodies = createSharedBodies();
    const asked: string[] = [];
    const ask = (key: string) =>
      bodies(key, () => {
        asked.push(key);
        return chunksOf('x'.repeat(7 * MIB));
      });
    for (let key = 0; key <= 11; key += 1) await ask(String(key));
    asked.length = 0;

    await ask('11');
    await ask('0');

    expect(asked).toEqual(['0']);
  });

  it('answers all who ask for more than it keeps at once', async () => {
    const bodies = createSharedBodies();
    const ask = (key: number) => bodies(String(key), () => chunksOf(...Array<string>(7).fill('x'.repeat(MIB))));

    const found = await Promise.all(Array.from({ length: 20 }, (_, key) => ask(key)));

    expect(found.map((body) => body?.byteLength)).toEqual(Array(20).fill(7 * MIB));
  });
});
