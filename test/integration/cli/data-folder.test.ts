import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  identifyProcess,
  isStillThere,
  createProcessRecord,
  AlreadyRunningError,
  lockDataDir,
  stopLeftBehind,
} from '../../../src/local-stack/processes.js';
import { ensureSecrets, readSecrets, saveReadyToken } from '../../../src/local-stack/files.js';

let dataDir: string;
const pids: number[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'data-folder-'));
});
afterEach(async () => {
  for (const pid of pids.splice(0)) if ((await identifyProcess(pid)) !== null) process.kill(pid, 'SIGKILL');
  rmSync(dataDir, { recursive: true });
});

/** A process that does nothing, or does not even listen when it is asked to end. */
async function aProcess({ deaf = false } = {}): Promise<number> {
  const script = `${deaf ? "process.on('SIGTERM', () => {});" : ''}setInterval(() => {}, 1000);process.stdout.write('up')`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  pids.push(child.pid ?? 0);
  return child.pid ?? 0;
}

describe('stopLeftBehind', () => {
  it('stops the processes that are recorded, the services before the servers', async () => {
    const record = createProcessRecord(dataDir);
    const [mongodb, worker] = [await aProcess(), await aProcess()];
    await record.add('mongodb', mongodb);
    await record.add('worker', worker);
    const lines: string[] = [];

    await stopLeftBehind(dataDir, (line) => lines.push(line));

    expect(await identifyProcess(mongodb)).toBeNull();
    expect(await identifyProcess(worker)).toBeNull();
    expect(lines.map((line) => /the (\w+) that/.exec(line)?.[1])).toEqual(['worker', 'mongodb']);
  });

  it('kills one that does not listen', async () => {
    const deaf = await aProcess({ deaf: true });
    await createProcessRecord(dataDir).add('temporal', deaf);

    await stopLeftBehind(dataDir, () => undefined);

    expect(await identifyProcess(deaf)).toBeNull();
  });

  it.each([
    ['started at another time', { startedAt: 'long ago' }],
    ['runs another command', { command: 'mongod --dbpath elsewhere' }],
  ])('lets a process be that has the id but %s', async (_name, change) => {
    const innocent = await aProcess();
    const identity = await identifyProcess(innocent);
    writeFileSync(join(dataDir, 'processes.json'), JSON.stringify({ mongodb: { ...identity, ...change } }));

    await stopLeftBehind(dataDir, () => undefined);

    expect(await identifyProcess(innocent)).toEqual(identity);
  });

  it('has nothing to do on a new folder', async () => {
    await expect(stopLeftBehind(dataDir, () => undefined)).resolves.toBeUndefined();
  });
});

describe('lockDataDir', () => {
  it('refuses a second start while the first one lives, and names its process', async () => {
    const release = await lockDataDir(dataDir);

    await expect(lockDataDir(dataDir)).rejects.toThrow(AlreadyRunningError);
    await expect(lockDataDir(dataDir)).rejects.toThrow(`as process ${process.pid}`);

    await release();
    await (
      await lockDataDir(dataDir)
    )();
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('does not count a lock whose owner is gone', async () => {
    const owner = { pid: process.pid, startedAt: 'before', command: 'start' };
    writeFileSync(join(dataDir, 'start.lock'), JSON.stringify(owner));

    await expect(lockDataDir(dataDir)).resolves.toBeInstanceOf(Function);
  });

  it('lets one of many in that find a stale lock at once', async () => {
    writeFileSync(join(dataDir, 'start.lock'), JSON.stringify({ pid: 1, startedAt: 'before', command: '' }));

    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(dataDir)));

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('secrets', () => {
  it('are made once, for the owner only, and stay the same', async () => {
    const [first, second] = await Promise.all([ensureSecrets(dataDir), ensureSecrets(dataDir)]);

    expect(first).toEqual(second);
    expect(Buffer.byteLength(first.tokenSecret)).toBeGreaterThanOrEqual(32);
    expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
  });

  it('keep the secret when a token is saved', async () => {
    const { tokenSecret, itemHeadersKey } = await ensureSecrets(dataDir);

    await saveReadyToken(dataDir, 'a token');

    await expect(readSecrets(dataDir)).resolves.toEqual({ tokenSecret, itemHeadersKey, token: 'a token' });
  });

  it('get the key of an earlier release that had none, and keep the rest', async () => {
    writeFileSync(join(dataDir, 'secrets.json'), '{"tokenSecret":"kept","token":"kept too"}');

    const { itemHeadersKey } = await ensureSecrets(dataDir);

    expect(itemHeadersKey).toHaveLength(64);
    await expect(readSecrets(dataDir)).resolves.toEqual({ tokenSecret: 'kept', token: 'kept too', itemHeadersKey });
  });

  it('that are not secrets are refused with the name of the file', async () => {
    writeFileSync(join(dataDir, 'secrets.json'), '{"tokenSecret":1}');

    await expect(readSecrets(dataDir)).rejects.toThrow('secrets.json cannot be read');
  });
});

describe('identifyProcess', () => {
  it('knows this process again and no other', async () => {
    const self = await identifyProcess(process.pid);

    expect(self).not.toBeNull();
    expect(self !== null && (await isStillThere(self))).toBe(true);
    expect(await isStillThere({ pid: process.pid, startedAt: 'x', command: 'x' })).toBe(false);
  });
});
