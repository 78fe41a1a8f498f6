import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { FsFiles } from '../../../src/blobs/fs/files.js';
import type { PartIdentity, BlobStore } from '../../../src/blobs/blob-store.js';
import { aDyingDisk } from '../../support/dying-disk.js';
import { bytesOf, keptPart, listed, partOf, sha256Of, storeBlob, writeAll } from '../../support/stored-blobs.js';

const MIB = 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;

const failure = (code: string): Error =>
  Object.assign(new Error(`${code}: said the disk about /secret/place`), { code });

type Handle = Awaited<ReturnType<typeof fs.open>>;

/** A disk whose opened files are changed before the store sees them. */
function diskWith(change: (handle: Handle, path: string) => void): FsFiles {
  return {
    ...fs,
    async open(path, ...rest) {
      const handle = await fs.open(path, ...rest);
      change(handle, String(path));
      return handle;
    },
  };
}

describe('kept parts of createFsBlobStore', () => {
  let root: string;
  let store: BlobStore;
  beforeEach(async () => {
    root = await fs.mkdtemp(join(tmpdir(), 'durable-import-kept-'));
    store = createFsBlobStore({ root });
  });
  afterEach(() => fs.rm(root, { recursive: true }));

  const listFiles = (): Promise<string[]> => fs.readdir(join(root, 'parts')).catch(() => []);

  async function suspend(body: Buffer, bytes: number): Promise<PartIdentity> {
    const identity = partOf(body);
    const writer = await store.createWriter(body.length, identity);
    await writeAll(writer, body.subarray(0, bytes));
    await writer.suspend();
    return identity;
  }

  /** Where the note and the file of the only part are. */
  async function partFiles(): Promise<{ note: string; file: string }> {
    const names = await listFiles();
    const place = (isNote: boolean): string =>
      join(root, 'parts', names.find((name) => name.endsWith('.json') === isNote) ?? 'none');
    return { note: place(true), file: place(false) };
  }

  async function expectFinish(key: string, body: Buffer): Promise<void> {
    const part = await keptPart(store, key);
    expect(sha256Of(await bytesOf(await part.read()))).toBe(sha256Of(body.subarray(0, part.kept)));
    const writer = await part.resume();
    await writeAll(writer, body.subarray(part.kept));
    await writer.commit(sha256Of(body));
    expect(sha256Of(await bytesOf(await store.read(sha256Of(body))))).toBe(sha256Of(body));
    expect(await listFiles()).toEqual([]);
  }

  it.each([
    ['is empty', () => ''],
    ['is cut off', (note: string) => note.slice(0, 40)],
    ['is about another key', (note: string) => note.replace('item:', 'other:')],
    ['names a file elsewhere', (note: string) => note.replace(/"file":"[^"]+"/, '"file":"../../etc/passwd"')],
    ['promises more than the body has', (note: string) => note.replace(/"total":\d+/, '"total":9')],
    ['promises more than the file has', (note: string) => note.replace(/"kept":\d+/, '"kept":900001')],
    ['keeps nothing', (note: string) => note.replace(/"kept":\d+/, '"kept":0')],
  ])('takes a part whose note %s for none, and begins again over it', async (_, change) => {
    const body = randomBytes(MIB);
    const { key } = await suspend(body, 900_000);
    const { note } = await partFiles();
    const text = await fs.readFile(note, 'utf8');
    expect(change(text)).not.toBe(text);
    await fs.writeFile(note, change(text));
    expect(await store.findPart(key)).toBeNull();
    const writer = await store.createWriter(body.length, partOf(body, { key }));
    await writeAll(writer, body.subarray(0, 800_000));
    await writer.suspend();
    expect(await keptPart(store, key)).toMatchObject({ kept: 800_000 });
  });

  it('takes a part whose file is gone, or is a blob already, for none', async () => {
    const body = randomBytes(MIB);
    const first = await suspend(body, 900_000);
    await fs.unlink((await partFiles()).file);
    expect(await store.findPart(first.key)).toBeNull();
    await (await store.createWriter(1, first)).discard();

    const second = await suspend(body, MIB);
    await fs.link((await partFiles()).file, join(root, 'a-blob'));
    expect(await store.findPart(second.key)).toBeNull();
  });

  it('writes nothing into a file that became a blob after it was found', async () => {
    const body = randomBytes(MIB);
    const { key } = await suspend(body, 900_000);
    const part = await keptPart(store, key);
    const blob = join(root, 'a-blob');
    await fs.link((await partFiles()).file, blob);
    await expect(part.resume()).rejects.toMatchObject({
      code: 'storage_failed',
      message: 'The part of this body belongs to another attempt now',
    });
    expect(sha256Of(await fs.readFile(blob))).toBe(sha256Of(body.subarray(0, 900_000)));
    expect(await store.findPart(key)).toBeNull();
  });

  it('commits what was hashed and no stale end of the file', async () => {
    const body = randomBytes(MIB);
    const { key } = await suspend(body, 900_000);
    await fs.appendFile((await partFiles()).file, randomBytes(MIB));
    await expectFinish(key, body);
  });

  it.each([
    ['write', 20 * MIB, 'ENOSPC', 'The blob store has no space left'],
    ['datasync', 16 * MIB, 'ENOSPC', 'The blob store has no space left'],
    ['datasync', 16 * MIB, 'EIO', 'The blob store failed (EIO)'],
    ['note', 16 * MIB, 'ENOSPC', 'The blob store has no space left'],
    ['rename', 16 * MIB, 'EROFS', 'The blob store may not be written to'],
  ])('keeps what was durable when a later %s fails, and no byte more than %i', async (step, kept, code, message) => {
    let [notes, syncs, renames] = [0, 0, 0];
    const disk = diskWith((handle) => {
      const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<never>;
      const datasync = handle.datasync.bind(handle);
      const writeFile = handle.writeFile.bind(handle);
      const fill = (...args: unknown[]): Promise<never> =>
        step === 'write' && Number(args[3]) >= 20 * MIB ? Promise.reject(failure(code)) : write(...args);
      handle.write = fill;
      handle.datasync = () =>
        // Only the second one fails: the kernel may drop the pages and call the next one a success.
        step === 'datasync' && ++syncs === 2 ? Promise.reject(failure(code)) : datasync();
      handle.writeFile = (...args) =>
        // The first one tells that the part is begun.
        step === 'note' && ++notes > 2 ? Promise.reject(failure(code)) : writeFile(...args);
    });
    const files: FsFiles = {
      ...disk,
      rename: (from, to) => (step === 'rename' && ++renames > 1 ? Promise.reject(failure(code)) : fs.rename(from, to)),
    };
    const body = randomBytes(40 * MIB);
    const identity = partOf(body);
    const writer = await createFsBlobStore({ root, files }).createWriter(body.length, identity);
    const failed = { code: 'storage_failed', message };
    const filled = async (): Promise<void> => {
      await writeAll(writer, body);
      await writer.commit(sha256Of(body));
    };
    await expect(filled()).rejects.toMatchObject(failed);
    await expect(writer.write(Buffer.alloc(1))).rejects.toThrow();
    await writer.suspend();
    expect(await keptPart(store, identity.key)).toMatchObject({ kept });
    await expectFinish(identity.key, body);
  });

  it('keeps all of a body whose commit fails, so that the next attempt needs not a byte', async () => {
    const body = randomBytes(3 * MIB);
    const identity = partOf(body);
    const files: FsFiles = { ...fs, link: () => Promise.reject(failure('ENOSPC')) };
    const writer = await createFsBlobStore({ root, files }).createWriter(body.length, identity);
    await writeAll(writer, body);
    await expect(writer.commit(sha256Of(body))).rejects.toMatchObject({ message: 'The blob store has no space left' });
    await writer.suspend();
    expect(await keptPart(store, identity.key)).toMatchObject({ kept: body.length });
    await expectFinish(identity.key, body);
  });

  it.each(['suspend', 'discard'] as const)(
    'leaves nothing behind after %s on a disk that takes nothing',
    async (end) => {
      const files = diskWith((handle, path) => {
        if (!path.includes('parts')) return;
        handle.write = () => Promise.reject(failure('EROFS'));
        handle.writeFile = () => Promise.reject(failure('EROFS'));
      });
      const body = randomBytes(MIB);
      const writer = await createFsBlobStore({ root, files }).createWriter(body.length, partOf(body));
      await expect(writer.write(body)).rejects.toMatchObject({ message: 'The blob store may not be written to' });
      await writer[end]();
      expect(await listFiles()).toEqual([]);
    },
  );

  it('leaves the part to a later attempt when the disk is too full to take it over', async () => {
    const body = randomBytes(MIB);
    const { key } = await suspend(body, 900_000);
    const full = diskWith((handle) => {
      handle.writeFile = () => Promise.reject(failure('ENOSPC'));
    });
    const part = await keptPart(createFsBlobStore({ root, files: full }), key);
    await expect(part.resume()).rejects.toMatchObject({ message: 'The blob store has no space left' });
    await expectFinish(key, body);
  });

  it('makes an old part look new when it is continued, so that garbage collection spares it', async () => {
    const body = randomBytes(MIB);
    const { key } = await suspend(body, 900_000);
    const old = new Date(Date.now() - 30 * HOUR_MS);
    for (const file of Object.values(await partFiles())) await fs.utimes(file, old, old);
    expect((await listed(store.listParts())).map(({ modifiedAt }) => modifiedAt.getTime())).toEqual([
      old.getTime(),
      old.getTime(),
    ]);
    const writer = await (await keptPart(store, key)).resume();
    for (const { modifiedAt } of await listed(store.listParts())) {
      expect(modifiedAt.getTime()).toBeGreaterThan(Date.now() - HOUR_MS);
    }
    await writer.discard();
  });

  describe('of an attempt that dies at any call to the disk', () => {
    /** As an item does: goes on from what is kept, or begins anew. */
    const attempt = async (from: BlobStore, body: Buffer, identity: PartIdentity): Promise<void> => {
      const found = await from.findPart(identity.key);
      const writer = await (found?.resume() ?? from.createWriter(body.length, identity));
      await writeAll(writer, body.subarray(found?.kept ?? 0));
      await writer.commit(sha256Of(body));
    };

    it.each([
      // Three checkpoints.
      { way: 'begins a body', bytes: 2 * MIB, kept: 0 },
      { way: 'goes on with one', bytes: 2 * MIB, kept: 900_000 },
    ])('leave nothing when it $way and another one imports it', async ({ bytes, kept }) => {
      const body = randomBytes(bytes);
      const options = { root, checkpointBytes: 512 * 1024 };
      const next = createFsBlobStore(options);
      let calls = 0;
      for (let last = 0; last <= calls; last += 1) {
        const identity = kept > 0 ? await suspend(body, kept) : partOf(body);
        const disk = aDyingDisk(last);
        const dying = attempt(createFsBlobStore({ ...options, files: disk.files }), body, identity);
        await Promise.race([dying, disk.died]);
        calls = disk.calls();
        await disk.close();

        await attempt(next, body, identity);

        expect({ last, left: await listFiles() }).toEqual({ last, left: [] });
        expect(sha256Of(await bytesOf(await store.read(sha256Of(body))))).toBe(sha256Of(body));
        await store.remove(sha256Of(body));
      }
      expect(calls).toBeGreaterThan(10);
    });
  });

  it('neither lists nor removes foreign files', async () => {
    const { sha256 } = await storeBlob(store, randomBytes(10));
    await suspend(randomBytes(MIB), 10);
    const leaf = join(root, 'sha256', sha256.slice(0, 2));
    const other = sha256.startsWith('00') ? '11' : '00';
    const foreign = ['sha256/README', `sha256/${other}`, 'parts/notes.txt', 'parts/.DS_Store', 'lost+found'];
    for (const name of foreign) await fs.writeFile(join(root, name), '');
    await fs.writeFile(join(leaf, 'short'), '');
    // A blob in the wrong folder: it could not be read from there.
    await fs.writeFile(join(leaf, `${other}${sha256.slice(2)}`), '');
    await fs.mkdir(join(root, 'parts', '00000000-0000-4000-8000-000000000000'));
    expect((await listed(store.listBlobs())).map((blob) => blob.sha256)).toEqual([sha256]);
    expect(await listed(store.listParts())).toHaveLength(2);
    for (const name of ['notes.txt', '.DS_Store', '../lost+found']) {
      await expect(store.removePart(name)).rejects.toThrow(RangeError);
    }
    for (const name of foreign) await expect(fs.stat(join(root, name))).resolves.toBeDefined();
  });

  it('makes no further call for a body that will not be resumed', async () => {
    await storeBlob(store, randomBytes(10));
    const calls: string[] = [];
    const recorded = ['open', 'lstat', 'link', 'rename', 'unlink', 'readdir', 'utimes'] as const;
    const counting = diskWith((handle, path) => {
      for (const name of ['write', 'writeFile', 'datasync', 'sync', 'truncate', 'stat'] as const) {
        const call = handle[name].bind(handle) as (...args: unknown[]) => Promise<unknown>;
        Object.assign(handle, {
          [name]: (...args: unknown[]) => {
            calls.push(`${name} ${path.includes('parts') ? 'part' : 'folder'}`);
            return call(...args);
          },
        });
      }
    });
    const files = { ...counting };
    for (const name of recorded) {
      const call = counting[name] as (...args: unknown[]) => Promise<unknown>;
      Object.assign(files, {
        [name]: (...args: unknown[]) => {
          calls.push(name);
          return call(...args);
        },
      });
    }
    const counted = createFsBlobStore({ root, files });
    const body = randomBytes(600_000);
    await storeBlob(counted, body);
    calls.length = 0;
    const again = randomBytes(600_000);
    const writer = await counted.createWriter(again.length);
    await writer.write(again);
    // Into a folder that this process knows already.
    await writer.commit(`${sha256Of(body).slice(0, 2)}${sha256Of(again).slice(2)}`);
    expect(calls.filter((call) => call !== 'open')).toEqual([
      ...['writeFile part', 'writeFile part', 'writeFile part', 'datasync part'],
      ...['link', 'sync folder', 'unlink'],
    ]);
    // The part; the folder is open still.
    expect(calls.filter((call) => call === 'open')).toHaveLength(1);
  });
});
