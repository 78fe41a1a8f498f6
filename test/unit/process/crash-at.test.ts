import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import type { BlobStore, BlobWriter, KeptPart } from '../../../src/blobs/blob-store.js';
import { loadConfig } from '../../../src/config.js';
import type { Source } from '../../../src/download/source.js';
import { CRASH_POINTS, createCrashHook, createReach } from '../../../src/process/crash-hook.js';

describe('createReach', () => {
  it('dies at the point that it was given, and at no other', () => {
    const die = jest.fn();
    const reach = createReach('before_webhook', die);

    for (const point of CRASH_POINTS) if (point !== 'before_webhook') reach(point);
    expect(die).not.toHaveBeenCalled();
    reach('before_webhook');

    expect(die).toHaveBeenCalledTimes(1);
  });

  it('counts the passings of its own point and dies at the n-th', () => {
    const die = jest.fn();
    const reach = createReach('before_webhook:3', die);

    reach('before_webhook');
    reach('after_webhook_before_log');
    reach('before_webhook');
    expect(die).not.toHaveBeenCalled();
    reach('before_webhook');

    expect(die).toHaveBeenCalledTimes(1);
  });

  it('does nothing anywhere without the variable', () => {
    const die = jest.fn();
    const reach = createReach(undefined, die);

    for (const point of CRASH_POINTS) reach(point);

    expect(die).not.toHaveBeenCalled();
  });

  it('refuses a point that does not exist, and names the variable and those that do', () => {
    expect(() => createReach('after_lunch')).toThrow(
      /^CRASH_AT: after_lunch is not a crash point; there are after_claim_before_batch, /,
    );
  });
});

describe('createCrashHook', () => {
  const commit = jest.fn<BlobWriter['commit']>(() => Promise.resolve({ created: true }));
  const writer = { kept: 7, commit } as unknown as BlobWriter;
  const part = { kept: 7, resume: () => Promise.resolve(writer) } as unknown as KeptPart;
  const blobs = {
    createWriter: () => Promise.resolve(writer),
    findPart: (key: string) => Promise.resolve(key === 'kept' ? part : null),
  } as unknown as BlobStore;

  it('hands ports back as they are without the variable', () => {
    expect(createCrashHook(undefined).blobs(blobs)).toBe(blobs);
  });

  it.each([
    { of: 'a new body', open: (store: BlobStore) => store.createWriter(null) },
    { of: 'a body that is continued', open: async (store: BlobStore) => (await store.findPart('kept'))?.resume() },
  ])('passes a point of the writer of $of before the call is made', async ({ open }) => {
    commit.mockClear();
    const die = jest.fn(() => {
      expect(commit).not.toHaveBeenCalled();
    });
    const opened = await open(createCrashHook('after_part_before_blob', die).blobs(blobs));

    expect(opened?.kept).toBe(7);
    expect(die).not.toHaveBeenCalled();
    await expect(opened?.commit('00')).resolves.toEqual({ created: true });

    expect(die).toHaveBeenCalledTimes(1);
  });

  it('answers that there is no kept part', async () => {
    await expect(createCrashHook('before_webhook').blobs(blobs).findPart('other')).resolves.toBeNull();
  });

  it('passes the point of a checkpoint once the progress that tells it was noted', async () => {
    const order: string[] = [];
    const source = {
      fetch: ({ onProgress }: Parameters<Source['fetch']>[0]) => {
        for (const offset of [0, 16]) onProgress?.({ offset, received: 32 });
        return Promise.reject(new Error('cut off'));
      },
    } as unknown as Source;
    const crash = createCrashHook('after_checkpoint_before_rest', () => order.push('dead'));
    const onProgress = ({ offset }: { offset: number }) => void order.push(`at ${offset}`);
    const request = { onProgress } as unknown as Parameters<Source['fetch']>[0];

    await expect(crash.source(source).fetch(request)).rejects.toThrow('cut off');

    expect(order).toEqual(['at 0', 'at 16', 'dead']);
  });
});

describe('CRASH_AT', () => {
  it.each(['before_webhook:0', 'before_webhook:x', 'before_webhook:', 'Before Webhook', '../x'])(
    'is not %s',
    (text) => {
      expect(() => loadConfig({ CRASH_AT: text })).toThrow('CRASH_AT: must be a crash point');
    },
  );

  it('is refused in production', () => {
    const load = () => loadConfig({ NODE_ENV: 'production', CRASH_AT: 'before_webhook' });

    expect(load).toThrow(/CRASH_AT: .*production/);
    expect(() => loadConfig({ NODE_ENV: 'production' })).not.toThrow();
    expect(loadConfig({ CRASH_AT: 'before_webhook' })).toMatchObject({ CRASH_AT: 'before_webhook' });
  });
});

describe('the crash points', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const rows = [...read('../../../docs/crash-points.md').matchAll(/^\| `(\w+)` +\|/gm)].map(([, point]) => point);

  it('have a row each in docs/crash-points.md, in the order in which they are passed', () => {
    expect(rows).toEqual(CRASH_POINTS);
  });

  it('have a story each of a process that dies there', () => {
    const stories = readdirSync(new URL('../../e2e/crash-points/', import.meta.url))
      .map((file) => read(`../../e2e/crash-points/${file}`))
      .join('\n');

    expect(CRASH_POINTS.filter((point) => !stories.includes(`'${point}`))).toEqual([]);
  });
});
