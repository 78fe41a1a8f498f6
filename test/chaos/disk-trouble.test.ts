import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createFsBlobStore } from '../../src/blobs/fs/store.js';
import { findDiskTroubles, makeBlobFolder } from './harness/disk-trouble.js';

let folder: string;
let blobs: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'durable-import-disk-'));
  blobs = join(folder, 'blobs');
  await makeBlobFolder(blobs);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The code of what storing a body ends with, `stored` when it is stored. */
async function outcomeOfStoring(text: string): Promise<string> {
  const store = createFsBlobStore({ root: blobs });
  const body = Buffer.from(text);
  try {
    const writer = await store.createWriter(body.length);
    await writer.write(body);
    await writer.commit(createHash('sha256').update(body).digest('hex'));
    return 'stored';
  } catch (error) {
    return (error as { code?: string }).code ?? 'an error without a code';
  } finally {
    await store.close();
  }
}

describe('a disk in trouble', () => {
  it('takes no body until the trouble ends, and keeps what it had', async () => {
    const { troubles, missing } = await findDiskTroubles(blobs);
    for (const reason of missing) process.stderr.write(`${reason}\n`);
    expect(await outcomeOfStoring('before')).toBe('stored');

    const outcomes: string[] = [];
    for (const trouble of troubles) {
      await trouble.begin();
      outcomes.push(`${trouble.name}: ${await outcomeOfStoring(trouble.name)}`);
      await trouble.end();
      outcomes.push(`after it: ${await outcomeOfStoring(trouble.name)}`);
    }

    expect(outcomes).toEqual(troubles.flatMap(({ name }) => [`${name}: storage_failed`, 'after it: stored']));
    const before = createHash('sha256').update('before').digest('hex');
    expect(await createFsBlobStore({ root: blobs }).stat(before)).toMatchObject({ bytes: 6 });
  });

  it('says what cannot be done where nothing may be mounted, and still has a folder that is gone', async () => {
    const { troubles, missing } = await findDiskTroubles(blobs, () => Promise.resolve('no mounts here'));

    expect(missing[0]).toBe('No full disk: no mounts here');
    expect(troubles.map(({ name }) => name)).toContain('folder gone');
  });
});
