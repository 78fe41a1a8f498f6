import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installAtomically } from '../../../src/local-stack/tools.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'install-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('installAtomically', () => {
  it('shows the target only when it is full', async () => {
    const target = join(folder, 'deep', 'tool');
    await installAtomically(target, async (staging) => {
      await writeFile(join(staging, 'file'), 'whole');
      expect(await readdir(join(folder, 'deep'))).not.toContain('tool');
    });
    expect(await readFile(join(target, 'file'), 'utf8')).toBe('whole');
    expect(await readdir(join(folder, 'deep'))).toEqual(['tool']);
  });

  it('leaves one whole copy when several install at once', async () => {
    const target = join(folder, 'tool');
    const install = (name: string): Promise<void> =>
      installAtomically(target, async (staging) => {
        await writeFile(join(staging, 'one'), name);
        await writeFile(join(staging, 'two'), name);
      });
    await Promise.all(['a', 'b', 'c', 'd'].map(install));
    expect(await readFile(join(target, 'one'), 'utf8')).toBe(await readFile(join(target, 'two'), 'utf8'));
    expect(await readdir(folder)).toEqual(['tool']);
  });

  it('removes what a killed process left a day ago, and not what another is filling', async () => {
    await mkdir(join(folder, 'tool.incoming-old'));
    await mkdir(join(folder, 'tool.incoming-new'));
    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60_000);
    await utimes(join(folder, 'tool.incoming-old'), twoDaysAgo, twoDaysAgo);
    await installAtomically(join(folder, 'tool'), (staging) => writeFile(join(staging, 'file'), ''));
    expect((await readdir(folder)).sort()).toEqual(['tool', 'tool.incoming-new']);
  });

  it('leaves nothing behind when filling fails', async () => {
    const failing = installAtomically(join(folder, 'tool'), async (staging) => {
      await writeFile(join(staging, 'half'), '');
      throw new Error('The disk is full');
    });
    await expect(failing).rejects.toThrow('The disk is full');
    expect(await readdir(folder)).toEqual([]);
  });
});
