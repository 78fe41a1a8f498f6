import { randomBytes } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import { withCrashRig } from '../../support/crash-rig.js';
import { answers, type OriginHandler } from '../../servers/origin-server.js';
import { sha256Of } from '../../support/stored-blobs.js';
import { unsound } from '../../support/unsound.js';

/** A worker that died is noticed after 9 s; the rest is processes that start on a loaded machine. */
jest.setTimeout(1_200_000);

const MIB = 1024 ** 2;
const text = (words: string): OriginHandler => answers.file(Buffer.from(words), { type: 'text/plain' });

describe('a worker that dies', () => {
  it.concurrent('twice after_blob_before_media imports the item at its only attempt', () =>
    withCrashRig(async (rig) => {
      const env = { RETRY_ATTEMPTS: '1' };
      const crashAt = 'after_blob_before_media';
      const url = rig.origin.route('/a', text('a'));

      const id = await rig.crashWorker(crashAt, [{ url, id: 'a' }], { env });
      expect(await rig.items()).toEqual(['a open 0']);
      expect(await rig.blobs.stat(sha256Of(Buffer.from('a')))).not.toBeNull();
      expect(await rig.collections.media.countDocuments()).toBe(0);
      await (await rig.start('worker', { ...env, CRASH_AT: crashAt })).killed();
      expect(await rig.items()).toEqual(['a open 0']);
      await rig.start('worker', env);

      expect(await rig.finished(id)).toMatchObject({ state: 'success', counts: { success: 1, skipped: 0, failed: 0 } });
      expect(await rig.items()).toEqual(['a success 1']);
      expect(rig.asked('/a')).toBe(3);
      expect(await unsound(rig)).toEqual([]);
    }),
  );

  it.concurrent('after_media_before_settle calls its item created, and fetches nothing that is unchanged', () =>
    withCrashRig(async (rig) => {
      const whole = answers.file(Buffer.from('a'), { type: 'text/plain', headers: { etag: '"1"' } });
      const url = rig.origin.route('/a', (request, response) => {
        const isKnown = request.headers['if-none-match'] === '"1"';
        (isKnown ? answers.status(304, { etag: '"1"' }, '') : whole)(request, response);
      });

      const id = await rig.crashWorker('after_media_before_settle', [{ url, id: 'a' }]);
      expect(await rig.items()).toEqual(['a open 0']);
      expect(await rig.collections.media.countDocuments()).toBe(1);
      await rig.start('worker');

      await rig.finished(id);
      expect(await rig.items()).toEqual(['a success 1']);
      expect(await rig.collections.items.findOne()).toMatchObject({
        action: 'created',
        lastAttempt: { httpStatus: 304, bytes: 0 },
      });
      expect(rig.asked('/a')).toBe(2);
      expect(await unsound(rig)).toEqual([]);
    }),
  );

  it.concurrent.each([
    { way: 'an activity an item', env: { SWEEP_ABOVE: '200' } },
    { way: 'a sweep', env: { SWEEP_ABOVE: '0' } },
  ])('after_settle_before_complete:3 of $way fetches no settled item again', ({ env }) =>
    withCrashRig(async (rig) => {
      const one = { ...env, HOST_MAX_CONNECTIONS: '1' };
      const files = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, url: rig.origin.route(`/${id}`, text(id)) }));
      rig.origin.route('/b', answers.status(404));

      const id = await rig.crashWorker('after_settle_before_complete:3', files, { env: one });
      // A slot is free when its bytes are here, so that others may have come further than the third one to settle.
      expect((await rig.items()).filter((item) => !item.includes('open')).length).toBeGreaterThanOrEqual(3);
      const settled = (await rig.items()).flatMap((item) => (item.includes('open') ? [] : [item.charAt(0)]));
      await rig.start('worker', one);

      expect(await rig.finished(id)).toMatchObject({ state: 'success', counts: { success: 4, skipped: 0, failed: 1 } });
      expect(await rig.items()).toEqual(['a success 1', 'b failed 1', 'c success 1', 'd success 1', 'e success 1']);
      expect(settled.map((id) => rig.asked(`/${id}`))).toEqual(settled.map(() => 1));
      // The bodies of others may have been cut off as well; their parts go with the collection.
      expect((await unsound(rig)).filter((sentence) => !sentence.startsWith('part '))).toEqual([]);
    }),
  );

  it.concurrent('after_attempt_before_complete has used up the failed attempt and no other', () =>
    withCrashRig(async (rig) => {
      const env = { RETRY_ATTEMPTS: '2' };
      const url = rig.origin.route('/a', answers.flaky(text('a'), { failures: 1 }));

      const id = await rig.crashWorker('after_attempt_before_complete', [{ url, id: 'a' }], { env });
      expect(await rig.items()).toEqual(['a open 1']);
      expect(await rig.collections.items.findOne()).toMatchObject({
        lastAttempt: { code: 'http_5xx', httpStatus: 503 },
      });
      await rig.start('worker', env);

      await rig.finished(id);
      expect(await rig.items()).toEqual(['a success 2']);
      expect(rig.asked('/a')).toBe(2);
      expect(await unsound(rig)).toEqual([]);
    }),
  );
});

/** What `resumable` was asked for, and what it has sent. */
interface Resumable {
  readonly handler: OriginHandler;
  readonly body: Buffer;
  /** `Range` and `If-Range` of each request. */
  readonly asked: { range: string | undefined; ifRange: string | undefined }[];
  sent: number;
}

/** A file that can be continued. Of the first answer only `pauseAfter` bytes come quickly, and the rest in drops. */
function resumable(bytes: number, pauseAfter = bytes): Resumable {
  const served: Resumable = { handler, body: randomBytes(bytes), asked: [], sent: 0 };
  const headers = { etag: '"v1"', 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' };
  const { body } = served;
  function handler(...[request, response]: Parameters<OriginHandler>): void {
    const { range } = request.headers;
    const ifRange = request.headers['if-range']?.toString();
    served.asked.push({ range, ifRange });
    const from = ifRange === '"v1"' ? Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0) : 0;
    const place = from > 0 ? { 'content-range': `bytes ${from}-${bytes - 1}/${bytes}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { ...headers, ...place, 'content-length': bytes - from });
    if (served.asked.length > 1 || pauseAfter === bytes) {
      served.sent += bytes - from;
      response.end(body.subarray(from));
      return;
    }
    served.sent += pauseAfter;
    response.write(body.subarray(0, pauseAfter));
    const drops = setInterval(() => {
      response.write(body.subarray(served.sent, served.sent + 1024));
      served.sent += 1024;
    }, 50);
    response.on('close', () => {
      clearInterval(drops);
    });
  }
  return served;
}

describe('a worker that dies while it fetches a large file', () => {
  /** Of the fs store: what a crash costs at most, beside what is still on its way. */
  const CHECKPOINT = 16 * MIB;

  it.concurrent.each([
    // The second checkpoint waits for the first, so that one is noted when the body has ended.
    { point: 'after_part_before_blob', file: resumable(33 * MIB) },
    { point: 'after_checkpoint_before_rest', file: resumable(24 * MIB, CHECKPOINT + MIB) },
  ])('$point goes on behind what was kept', ({ point, file }) =>
    withCrashRig(async (rig) => {
      const url = rig.origin.route('/large', file.handler);

      const id = await rig.crashWorker(point, [{ url, id: 'large' }]);
      expect(await rig.items()).toEqual(['large open 0']);
      expect(await rig.collections.media.countDocuments()).toBe(0);
      await rig.start('worker');

      await rig.finished(id);
      const [first, second] = file.asked;
      expect(file.asked).toHaveLength(2);
      expect(first?.range).toBeUndefined();
      expect(second).toEqual({ range: expect.stringMatching(/^bytes=\d{8}-$/), ifRange: '"v1"' });
      expect(Number(second?.range?.slice('bytes='.length, -1))).toBeGreaterThanOrEqual(CHECKPOINT);
      expect(await rig.items()).toEqual(['large success 1']);
      expect(await rig.collections.items.findOne()).toMatchObject({
        sha256: sha256Of(file.body),
        bytes: file.body.byteLength,
      });
      expect(await unsound(rig)).toEqual([]);
    }),
  );
});
