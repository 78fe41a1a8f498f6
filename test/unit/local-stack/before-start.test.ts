import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { prepareDataDir } from '../../../src/local-stack/stack.js';

let folder: string;
let umask: number;
const lines: string[] = [];
const report = (line: string): void => {
  lines.push(line);
};
beforeEach(() => {
  umask = process.umask(0o022);
  folder = mkdtempSync(join(tmpdir(), 'before-start-'));
  lines.length = 0;
});
afterEach(() => {
  process.umask(umask);
  rmSync(folder, { recursive: true });
});

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

describe('prepareDataDir', () => {
  it('makes a folder, and all that is made in it later, the owner’s alone', async () => {
    const dataDir = join(folder, 'new', 'data');

    await prepareDataDir(dataDir, report);
    writeFileSync(join(dataDir, 'file'), '');
    mkdirSync(join(dataDir, 'logs'));

    expect([dataDir, join(dataDir, 'file'), join(dataDir, 'logs')].map(modeOf)).toEqual(['700', '600', '700']);
    expect(lines).toEqual([]);
  });

  it('closes the folder of an earlier version to others, and says so', async () => {
    chmodSync(folder, 0o755);

    await prepareDataDir(folder, report);

    expect(modeOf(folder)).toBe('700');
    expect(lines).toEqual([`${folder} was readable by other users and is not any more`]);
  });

  it('refuses a folder that many users share, and leaves it as it is', async () => {
    chmodSync(folder, 0o1777);

    await expect(prepareDataDir(folder, report)).rejects.toThrow('choose a folder of its own with DATA_DIR');
    expect(modeOf(folder)).toBe('1777');
  });
});
