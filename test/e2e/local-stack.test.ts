import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitForImport } from '../../src/cli/status.js';
import { eventually } from '../support/eventually.js';
import { answers, startOrigin, type Origin } from '../servers/origin-server.js';
import { runBuiltCli, stackEnvironment, startStack, type RunningStack } from '../support/running-stack.js';

/** Rights of the group and of everybody else. */
const OTHERS = 0o077;

/** Paths below a folder, itself included, that anybody else may read, write or enter. */
function openToOthers(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return [folder, ...names.map((name) => join(folder, name))].flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found === undefined || (found.mode & OTHERS) === 0 ? [] : [relative(folder, path) || '.'];
  });
}

describe('a stack on this machine', () => {
  let origin: Origin;
  let stack: RunningStack;
  beforeAll(async () => {
    origin = await startOrigin();
    // As most shells have it, whatever the one is in which the tests run.
    const before = process.umask(0o022);
    stack = await startStack({ EGRESS_ALLOW: `127.0.0.1/32:${origin.port}` });
    process.umask(before);
  }, 180_000);
  afterAll(async () => {
    await stack.clear();
    await origin.close();
  }, 60_000);

  it('keeps databases, logs, blobs and secrets to their owner', async () => {
    const url = origin.route('/one.txt', answers.file(Buffer.from('one'), { type: 'text/plain' }));
    const client = await stack.client();
    const files = [{ url, id: '1', fileName: 'one', metadata: {} }];
    const id = await client.submit('files', { systemName: 's', files });
    await waitForImport({ client, plural: 'files', id, pollMs: 200 });

    const names = readdirSync(stack.dataDir);
    expect(names).toEqual(expect.arrayContaining(['temporal.db', 'logs', 'blobs', 'run.json', 'secrets.json']));
    expect(names.some((name) => name.startsWith('mongodb'))).toBe(true);
    expect(openToOthers(stack.dataDir)).toEqual([]);
  }, 60_000);

  it('names a Temporal CLI that talks to its server', async () => {
    const { temporal, temporalCli } = await stack.run();

    expect(stack.output()).toContain(`Temporal CLI    ${String(temporalCli)}`);
    const health = execFileSync(temporalCli ?? '', ['operator', 'cluster', 'health', '--address', temporal]);
    expect(health.toString()).toContain('SERVING');
  });

  it('serves the Temporal UI on 127.0.0.1 alone', async () => {
    const { ui } = await stack.run();
    const port = Number(new URL(ui ?? '').port);

    expect((await fetch(ui ?? '')).status).toBe(200);
    // Another address of the same interface: whatever listens on all addresses answers there too.
    const socket = connect({ host: '127.0.0.2', port });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.message).toContain('127.0.0.2');
  });

  it('brings a worker back that was killed again and again', async () => {
    for (let kills = 1; kills <= 3; kills += 1) {
      const { pids } = await stack.run();
      process.kill(pids.worker ?? 0, 'SIGKILL');
      await eventually('another worker', async () => (await stack.run()).pids.worker !== pids.worker, 60_000);
    }

    expect(stack.output().match(/worker ended \(SIGKILL\), starting it again$/gm)).toHaveLength(3);
    expect(stack.output()).not.toContain('could not be started');
  }, 200_000);

  if (process.platform === 'linux')
    it('gives the secret that signs tokens to the gateway alone', async () => {
      const { pids } = await stack.run();
      const holders = Object.entries(pids)
        .filter(([, pid]) => readFileSync(`/proc/${String(pid)}/environ`, 'utf8').includes('\0TOKEN_SECRET='))
        .map(([name]) => name);

      expect(holders).toEqual(['gateway']);
    });
  else console.info('Only Linux shows the environment of a process: who has TOKEN_SECRET is not looked at here');
});

describe('a start that cannot succeed', () => {
  const folders: string[] = [];
  const run = async (settings: Record<string, string>) => {
    const env = await stackEnvironment(settings);
    folders.push(env['DATA_DIR'] ?? '');
    return { env, ...(await runBuiltCli(['start'], env)) };
  };
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it.each<[string, Record<string, string>]>([
    ['MEDIA_TYPES_FILE', { MEDIA_TYPES_FILE: '/nonexistent/media-types.json' }],
    ['TOKEN_JWKS_FILE', { TOKEN_JWKS_FILE: '/nonexistent/keys.json' }],
    ['BLOB_STORE_URL', { BLOB_STORE_URL: 's3:nonsense' }],
    ['CRASH_AT', { CRASH_AT: 'nowhere' }],
  ])('says what is wrong with %s before it starts any server', async (name, settings) => {
    const { env, code, stderr } = await run(settings);

    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(new RegExp(`^${name}[^\n]*\n$`)) });
    expect(existsSync(join(env['DATA_DIR'] ?? '', 'logs'))).toBe(false);
  });

  it('shows the end of the log of this run alone, and the message in it', async () => {
    const env = await stackEnvironment({
      TEMPORAL_ADDRESS: process.env['TEST_TEMPORAL_ADDRESS'] ?? '',
      MONGODB_URL: process.env['TEST_MONGODB_URL'] ?? '',
      TEMPORAL_NAMESPACE: 'not-there',
    });
    const dataDir = env['DATA_DIR'] ?? '';
    folders.push(dataDir);
    mkdirSync(join(dataDir, 'logs'));
    for (const name of ['gateway', 'worker']) writeFileSync(join(dataDir, 'logs', `${name}.log`), 'an earlier run\n');

    const { code, stderr } = await runBuiltCli(['start'], env);

    expect(code).toBe(1);
    expect(stderr).toMatch(/ended while it was starting; the end of [^\n]+\.log:\n/);
    expect(stderr).toMatch(/Namespace (?:not found: 'not-there'|not-there was not found)/);
    expect(stderr).not.toContain('an earlier run');
  }, 120_000);
});
