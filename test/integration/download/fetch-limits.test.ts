import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BlobStore, BlobWriter } from '../../../src/blobs/blob-store.js';
import { ImportError } from '../../../src/domain/errors.js';
import { NeedsOwnActivity } from '../../../src/download/source.js';
import { answers } from '../../servers/origin-server.js';
import { sampleMedia } from '../../support/sample-media.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
const head = sampleMedia('clip.mp4').body;

/** A store in which `write` does something else first. */
function storeWith(blobs: BlobStore, beforeWrite: () => Promise<void>): BlobStore {
  return {
    ...blobs,
    async createWriter(hint): Promise<BlobWriter> {
      const writer = await blobs.createWriter(hint);
      const write = async (chunk: Uint8Array): Promise<void> => {
        await beforeWrite();
        await writer.write(chunk);
      };
      return { ...writer, write };
    },
  };
}

describe('the source', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  /** Keep-alive connections may stay, those of bodies that were left must not. */
  async function expectNoTraces(socketsBefore: number): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (rig.origin.openSockets() > socketsBefore && Date.now() < deadline) await delay(20);
    expect(rig.origin.openSockets()).toBeLessThanOrEqual(socketsBefore);
    expect(await rig.leftovers()).toEqual([]);
  }

  it('keeps memory flat on a large body', async () => {
    const bytes = 200 * MIB;
    const url = rig.origin.route('/large', answers.large(bytes, { head, type: 'video/mp4' }));
    const before = process.memoryUsage().rss;
    let peak = before;
    let progress = 0;
    const { asset, received } = await rig.fetch(url, {
      kind: 'video',
      limits: { maxBytes: 1024 * MIB },
      onProgress({ received: soFar }) {
        progress = soFar;
        peak = Math.max(peak, process.memoryUsage().rss);
      },
    });
    expect(asset.bytes).toBe(bytes);
    expect(received).toBe(bytes);
    expect(progress).toBe(bytes);
    expect(peak - before).toBeLessThan(120 * MIB);
    expect(await rig.leftovers()).toEqual([]);
  });

  it.each([
    ['announced', true],
    ['unannounced', false],
  ])('hands a large body out of a sweep (%s)', async (_name, announce) => {
    const before = rig.origin.openSockets();
    const url = rig.origin.route('/sweep', answers.large(3 * MIB, { head, announce }));
    await expect(rig.fetch(url, { inlineBytes: 2 * MIB })).rejects.toMatchObject({
      name: 'NeedsOwnActivity',
      why: 'large',
    });
    await expectNoTraces(before);
  });

  it('hands a body out of a sweep that decodes beyond its size', async () => {
    const url = rig.origin.route('/sweep-gzip', answers.encoded(Buffer.from('0123456789'.repeat(9)), {}));
    await expect(rig.fetch(url, { inlineBytes: 60 })).rejects.toMatchObject({ name: 'NeedsOwnActivity', why: 'large' });
  });

  it('prefers the hard limit to leaving the sweep', async () => {
    const url = rig.origin.route('/sweep-hard', answers.large(9 * MIB));
    await expect(rig.fetch(url, { inlineBytes: 2 * MIB })).rejects.toMatchObject({ code: 'too_large' });
  });

  it('keeps a body of exactly the size of a sweep', async () => {
    const url = rig.origin.route('/sweep-exact', answers.large(2 * MIB, { head }));
    await expect(rig.fetch(url, { inlineBytes: 2 * MIB })).resolves.toMatchObject({ received: 2 * MIB });
  });

  it.each([
    ['before headers', answers.stallBeforeHeaders()],
    ['within the head', answers.stallAfterHeaders(Buffer.from('ab'))],
    ['within the body', answers.stallAfterHeaders(Buffer.concat([head, Buffer.alloc(200_000)]))],
    [
      'within an encoded body',
      answers.stallAfterHeaders(Buffer.from('1f8b0800', 'hex'), { headers: { 'content-encoding': 'gzip' } }),
    ],
    ['within an endless body', answers.endless({ head })],
  ])('rejects with the reason of an abort %s and cleans up', async (name, answer) => {
    const before = rig.origin.openSockets();
    const seen = rig.origin.requests.length;
    const controller = new AbortController();
    const reason = new NeedsOwnActivity('slow');
    const slow = { idleTimeoutMs: 60_000, headersTimeoutMs: 60_000, maxBytes: 1024 ** 4 };
    let received = 0;
    const fetching = rig.fetch(rig.origin.route('/abort', answer), {
      signal: controller.signal,
      limits: slow,
      onProgress: (progress) => (received = progress.received),
    });
    const outcome = fetching.catch((error: unknown) => error);
    while (rig.origin.requests.length === seen || (name !== 'before headers' && received === 0)) await delay(5);
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    await expectNoTraces(before);
  });

  it('does not ask the origin when aborted before', async () => {
    const seen = rig.origin.requests.length;
    const reason = new Error('Stopped before it began');
    await expect(
      rig.fetch(rig.origin.route('/never', answers.file(head)), { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(rig.origin.requests).toHaveLength(seen);
  });

  it('does not blame the source for a slow store', async () => {
    const slow = storeWith(rig.blobs, () => delay(60));
    const url = rig.origin.route('/slow-store', answers.large(MIB, { head }));
    const limits = { minSpeedBytesPerSecond: 8 * MIB, minSpeedWindowMs: 300 };
    await expect(rig.fetch(url, { blobs: slow, limits })).resolves.toMatchObject({ received: MIB });
  });

  it('passes on a failure of the store with the answer it had, and leaves nothing', async () => {
    const before = rig.origin.openSockets();
    const full = storeWith(rig.blobs, () =>
      Promise.reject(new ImportError('storage_failed', 'The disk is full', { stage: 'store' })),
    );
    const url = rig.origin.route('/full', answers.large(4 * MIB, { head, type: 'video/mp4' }));
    await expect(rig.fetch(url, { blobs: full })).rejects.toMatchObject({
      code: 'storage_failed',
      details: { stage: 'store', httpStatus: 200, contentType: 'video/mp4' },
    });
    await expectNoTraces(before);
  });

  it('discards what it wrote when the commit fails', async () => {
    const failing: BlobStore = {
      ...rig.blobs,
      async createWriter(hint) {
        const commit = () => Promise.reject(new ImportError('storage_failed', 'The disk is full', { stage: 'store' }));
        return { ...(await rig.blobs.createWriter(hint)), commit };
      },
    };
    const url = rig.origin.route('/commit', answers.large(MIB, { head }));
    await expect(rig.fetch(url, { blobs: failing })).rejects.toMatchObject({ code: 'storage_failed' });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('leaks no socket over many failing bodies', async () => {
    const before = rig.origin.openSockets();
    const url = rig.origin.route('/leak', answers.truncated(head));
    const html = rig.origin.route('/leak-html', answers.htmlPage());
    const endless = rig.origin.route('/leak-endless', answers.endless());
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) => rig.fetch([url, html, endless][index % 3] ?? url, { kind: 'video' })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toEqual([]);
    await expectNoTraces(before + 60);
  });
});
