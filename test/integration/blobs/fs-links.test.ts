import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import { keptPart, listed, partOf, sha256Of, storeBlob, writeAll } from '../../support/stored-blobs.js';

describe('the blob store in a folder that another user may write to', () => {
  let folder: string;
  let root: string;
  let secret: string;
  beforeEach(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 'fs-links-'));
    root = join(folder, 'blobs');
    secret = join(folder, 'secret');
    await fs.writeFile(secret, 'not a blob');
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  /** A link to the secret where the blob of these bytes belongs. */
  async function plant(body: Buffer): Promise<string> {
    const sha256 = sha256Of(body);
    const blob = join(root, 'sha256', sha256.slice(0, 2), sha256);
    await fs.mkdir(dirname(blob), { recursive: true });
    await fs.symlink(secret, blob);
    return sha256;
  }

  /** A store that keeps half of a large body. */
  async function aKeptHalf() {
    const store = createFsBlobStore({ root });
    const body = randomBytes(3 * 1024 * 1024);
    const identity = partOf(body);
    const writer = await store.createWriter(body.length, identity);
    await writeAll(writer, body.subarray(0, body.length / 2));
    await writer.suspend();
    return { store, identity };
  }

  it('serves and lists no file behind a symbolic link', async () => {
    const store = createFsBlobStore({ root });
    const sha256 = await plant(randomBytes(10));

    expect(await store.stat(sha256)).toBeNull();
    expect(await store.read(sha256)).toBeNull();
    expect(await listed(store.listBlobs())).toEqual([]);
  });

  it('does not take such a link for bytes that are stored already', async () => {
    const body = randomBytes(10);
    const before = await fs.stat(secret);
    await plant(body);

    await expect(storeBlob(createFsBlobStore({ root }), body)).rejects.toMatchObject({ code: 'storage_failed' });
    expect((await fs.stat(secret)).mtimeMs).toBe(before.mtimeMs);
  });

  it('continues no part behind such a link, and writes nothing through it', async () => {
    const { store, identity } = await aKeptHalf();
    const part = await keptPart(store, identity.key);
    const name = (await fs.readdir(join(root, 'parts'))).find((entry) => !entry.endsWith('.json')) ?? '';
    await fs.unlink(join(root, 'parts', name));
    await fs.symlink(secret, join(root, 'parts', name));

    await expect(part.read()).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(part.resume()).rejects.toMatchObject({ code: 'storage_failed' });
    expect(await store.findPart(identity.key)).toBeNull();
    expect(await fs.readFile(secret, 'utf8')).toBe('not a blob');
  });

  it('reads no note behind such a link', async () => {
    const { store, identity } = await aKeptHalf();
    const note = (await fs.readdir(join(root, 'parts'))).find((entry) => entry.endsWith('.json')) ?? '';
    await fs.rename(join(root, 'parts', note), join(folder, 'note'));
    await fs.symlink(join(folder, 'note'), join(root, 'parts', note));

    expect(await store.findPart(identity.key)).toBeNull();
  });
});
