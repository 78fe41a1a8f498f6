import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { boundLogs, logTail, openLog } from '../../../src/local-stack/spawn-server.js';
import { eventually } from '../../support/eventually.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-file-'));
  file = join(folder, 'logs', 'worker.log');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A run that writes some lines. */
async function run(text: string): Promise<number> {
  const { handle, from } = await openLog(file);
  await handle.writeFile(text);
  await handle.close();
  return from;
}

describe('logTail', () => {
  it('shows the lines of the last run only', async () => {
    await run('first run\n');
    const from = await run('second run\nit failed\n');

    expect(await logTail(file, from)).toBe('second run\nit failed');
  });

  it('shows the last 20 lines of a long run', async () => {
    const from = await run(Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(''));

    const lines = (await logTail(file, from)).split('\n');

    expect([lines.length, lines[0], lines.at(-1)]).toEqual([20, 'line 49980', 'line 49999']);
  });

  it('shows nothing of a run that wrote nothing, and of a log that is not there', async () => {
    await run('first run\n');
    const from = await run('');

    expect([await logTail(file, from), await logTail(join(folder, 'none'), 0)]).toEqual(['', '']);
  });
});

describe('boundLogs', () => {
  it('cuts a log that has grown too large, keeps the part before, and lets its writer go on', async () => {
    const { handle } = await openLog(file);
    await handle.writeFile('x'.repeat(2_000));
    const stop = boundLogs([file, join(folder, 'logs', 'never-written.log')], { maxBytes: 1_000, everyMs: 5 });
    try {
      await eventually('a log that was cut', async () => (await stat(file)).size === 0);
      await handle.writeFile('after\n');

      expect(await readFile(file, 'utf8')).toBe('after\n');
      expect(await readFile(`${file}.1`, 'utf8')).toBe('x'.repeat(2_000));
    } finally {
      stop();
      await handle.close();
    }
  });

  it('takes a log that was cut for one of this run', async () => {
    const { handle, from } = await openLog(file);
    await handle.close();
    await appendFile(file, 'after\n');

    expect(await logTail(file, from + 1_000)).toBe('after');
  });
});
