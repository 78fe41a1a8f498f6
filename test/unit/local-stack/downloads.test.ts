import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { downloadMongod, findDownloadedMongod, downloadTemporalCli } from '../../../src/local-stack/download.js';
import { findMongo } from '../../../src/local-stack/find-mongo.js';
import { runCommand } from '../../../src/local-stack/tools.js';

const SCRIPT = '#!/bin/sh\necho official\n';
/** The library takes what is smaller than a MiB for a download that broke off. */
const MONGOD = `${SCRIPT}${'#'.repeat(1024 * 1024)}\n`;

let folder: string;
let server: Server;
let origin: string;
/** What the site answers, by the end of the path. */
let archive: Buffer;
let sum: string | null;
const reported: string[] = [];
const report = (line: string): void => {
  reported.push(line);
};
const before = { ...process.env };
/** The library remembers for each version where it found it. */
let patch = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'downloads-'));
  reported.length = 0;
  server = createServer((request, response) => {
    if (request.url?.endsWith('.sha256') !== true) response.end(archive);
    else if (sum === null) response.writeHead(404).end();
    else response.end(`${sum}  archive.tgz\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  patch += 1;
  Object.assign(process.env, { MONGOMS_DOWNLOAD_MIRROR: origin, MONGOMS_VERSION: `8.0.${900 + patch}` });
});
afterEach(async () => {
  process.env = { ...before };
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

/** An archive that holds one program, as the official ones do. */
async function pack(path: string, content: string): Promise<Buffer> {
  const tree = join(folder, 'tree');
  const file = join(tree, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, content);
  await chmod(file, 0o755);
  const packed = join(folder, 'packed.tgz');
  await runCommand('tar', ['-czf', packed, '-C', tree, '.'], { timeoutMs: 20_000 });
  const bytes = await readFile(packed);
  await rm(tree, { recursive: true });
  await rm(packed);
  return bytes;
}

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('downloadMongod', () => {
  beforeEach(async () => {
    archive = await pack('mongodb-linux/bin/mongod', MONGOD);
    sum = sha256Of(archive);
  });
  const cache = (): string => join(folder, 'mongod');

  it('unpacks an archive that has the SHA-256 that the site tells, and leaves nothing else', async () => {
    const executable = await downloadMongod(cache(), report);

    expect((await runCommand(executable, ['--version'], { timeoutMs: 20_000 })).stdout).toBe('official\n');
    expect(await findDownloadedMongod(cache())).toBe(executable);
    expect(await readdir(cache())).toHaveLength(2);
  });

  it('keeps nothing of an archive that has another SHA-256', async () => {
    const said = sha256Of(Buffer.from('another archive'));
    sum = said;

    await expect(downloadMongod(cache(), report)).rejects.toThrow(
      `what came has the SHA-256 ${sha256Of(archive)} instead of ${said}, so it is not used`,
    );
    expect(await readdir(cache())).toEqual([]);
    expect(await findDownloadedMongod(cache())).toBeNull();
  });

  it('downloads nothing when the site tells no SHA-256', async () => {
    sum = null;

    await expect(downloadMongod(cache(), report)).rejects.toThrow('The site answered with status 404');
    expect(await findDownloadedMongod(cache())).toBeNull();
  });

  it('leaves it to the next way of finding a server when the SHA-256 is wrong', async () => {
    sum = sha256Of(Buffer.from('another archive'));

    // With neither mongod nor Java on the path, the next way ends with what it lacks.
    const found = findMongo({ report, env: { PATH: folder, XDG_CACHE_HOME: folder, HOME: folder } });

    await expect(found).rejects.toThrow('its emulator needs a Java development kit');
    expect(reported.at(-1)).toContain(`instead of ${sum}, so it is not used`);
  });
});

describe('downloadTemporalCli', () => {
  beforeEach(async () => {
    archive = await pack('temporal', SCRIPT);
  });
  const target = () => ({ folder: join(folder, 'cli'), executable: join(folder, 'cli', 'temporal'), report });

  it('installs an archive that has the SHA-256 that is written down', async () => {
    await downloadTemporalCli({ ...target(), archive: { url: origin, sha256: sha256Of(archive) } });

    expect(await readFile(target().executable, 'utf8')).toBe(SCRIPT);
    expect(await readdir(target().folder)).toEqual(['temporal']);
  });

  it('keeps nothing of an archive that has another SHA-256', async () => {
    const known = sha256Of(Buffer.from('another archive'));

    await expect(downloadTemporalCli({ ...target(), archive: { url: origin, sha256: known } })).rejects.toThrow(
      `instead of ${known}, so it is not used`,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});
