import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { Ffprobe } from '../../../src/probe/ffprobe.js';
import { createProber, type ProbeLimits, type Prober } from '../../../src/probe/prober.js';
import { sampleMedia, sampleNames, type SampleName } from '../../support/sample-media.js';
import { storeBlob } from '../../support/stored-blobs.js';

let folder: string;
let blobs: BlobStore;
const opened: Prober[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prober-'));
  blobs = createFsBlobStore({ root: folder });
  for (const name of sampleNames()) await storeBlob(blobs, sampleMedia(name).body);
});
afterEach(async () => {
  for (const prober of opened.splice(0)) await prober.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const readStored: BlobStore['read'] = (sha256, range) => blobs.read(sha256, range);

function aProber(
  limits: Partial<ProbeLimits> = {},
  read: BlobStore['read'] = readStored,
  ffprobe: Ffprobe | null = null,
): Prober {
  const prober = createProber({ blobs: { read }, ffprobe, limits });
  opened.push(prober);
  return prober;
}

const never = new AbortController().signal;

function blobOf(name: SampleName) {
  const { sha256, body, mimeType } = sampleMedia(name);
  return { sha256, bytes: body.length, mimeType };
}

const film = { durationSeconds: 1, frameRate: 25, videoCodec: 'h264', audioCodec: 'aac' };

describe('a probe', () => {
  it.each<[SampleName, object]>([
    ['index-last.mp4', { ...film, width: 64, height: 36 }],
    ['portrait.mp4', { ...film, width: 36, height: 64 }],
    ['phone.mov', { ...film, width: 36, height: 64 }],
    ['wide-pixels.mp4', { durationSeconds: 0.4, frameRate: 25, videoCodec: 'h264', width: 85, height: 48 }],
    [
      'sound-and-film.webm',
      { durationSeconds: 1.008, frameRate: 25, videoCodec: 'vp9', audioCodec: 'opus', width: 64, height: 36 },
    ],
    [
      'hevc.mkv',
      { durationSeconds: 0.638, frameRate: 29.97, videoCodec: 'hevc', audioCodec: 'mp3', width: 64, height: 36 },
    ],
    ['clip.m4v', { durationSeconds: 0.4, frameRate: 5, videoCodec: 'h264', width: 64, height: 48 }],
    ['sound.mp3', { durationSeconds: 1.045, audioCodec: 'mp3' }],
    ['sound.m4a', { durationSeconds: 1, audioCodec: 'aac' }],
    ['sound.flac', { durationSeconds: 0.05, audioCodec: 'flac' }],
    ['sound.weba', { durationSeconds: 0.308, audioCodec: 'opus' }],
    ['login-page.mp4', {}],
    ['clip.avi', {}],
    ['document.pdf', {}],
  ])('says of %s what ffprobe says, and nothing of what it cannot read', async (name, facts) => {
    expect(await aProber().probe(blobOf(name), never)).toEqual(facts);
  });

  it.each<[SampleName, object]>([
    ['gps-portrait.jpg', { hasPosition: true }],
    ['gps.png', { hasPosition: true }],
    ['gps.heic', { hasPosition: true }],
    ['gps.avif', { hasPosition: true }],
    ['gps.webp', { hasPosition: true }],
    ['gps.tif', { hasPosition: true }],
    ['no-position.jpg', {}],
    ['portrait.jpg', {}],
    ['picture.heic', {}],
  ])('finds out whether %s holds a position', async (name, facts) => {
    expect(await aProber().probe(blobOf(name), never)).toEqual(facts);
  });

  it('survives every file that ends too early', async () => {
    const prober = aProber();
    for (const name of ['index-last.mp4', 'hevc.mkv', 'sound.mp3', 'gps.heic'] as const) {
      const { body, mimeType } = sampleMedia(name);
      for (let length = 1; length < body.length; length += 211) {
        const { sha256 } = await storeBlob(blobs, body.subarray(0, length));
        expect(typeof (await prober.probe({ sha256, bytes: length, mimeType }, never))).toBe('object');
      }
    }
  });

  it('leaves out what it may not read enough for', async () => {
    expect(await aProber({ readBytes: 100 }).probe(blobOf('index-last.mp4'), never)).toEqual({});
  });

  it('says that it could not read when the store does not answer', async () => {
    const away = aProber({}, () => Promise.reject(new Error('The store is away')));

    expect(await away.probe(blobOf('portrait.mp4'), never)).toBe('busy');
  });
});

describe('a probe that takes too long', () => {
  /** Reads of this file are never answered. */
  const hung = sampleMedia('phone.mov').sha256;
  const read: BlobStore['read'] = (sha256, range) =>
    sha256 === hung ? Promise.resolve(new Readable({ read: () => undefined })) : blobs.read(sha256, range);

  it('is given up, and others are repeated without it', async () => {
    const prober = aProber({ timeMs: 1_500 }, async (sha256, range) => {
      // The others are under way when the time of the first is over.
      if (sha256 === sampleMedia('portrait.mp4').sha256 && !released) await hold;
      return read(sha256, range);
    });
    let released = false;
    let release = (): void => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));

    const late = prober.probe(blobOf('phone.mov'), never);
    const other = prober.probe(blobOf('portrait.mp4'), never);
    expect(await late).toBe('late');
    released = true;
    release();

    expect(await other).toMatchObject({ width: 36, height: 64 });
    expect(await prober.probe(blobOf('sound.mp3'), never)).toMatchObject({ audioCodec: 'mp3' });
  });

  it('does not hold up a caller that has lost patience', async () => {
    const prober = aProber({}, read);
    const patience = new AbortController();
    const probed = prober.probe(blobOf('phone.mov'), patience.signal);
    patience.abort();

    expect(await probed).toBe('busy');
    expect(await prober.probe(blobOf('sound.mp3'), patience.signal)).toBe('busy');
  });

  it('lets only so many wait, and each of them only for so long', async () => {
    const prober = aProber({ concurrent: 1, queue: 2, waitMs: 300 }, read);
    const running = prober.probe(blobOf('phone.mov'), never);
    const waiting = [prober.probe(blobOf('sound.mp3'), never), prober.probe(blobOf('sound.m4a'), never)];

    expect(await prober.probe(blobOf('portrait.mp4'), never)).toBe('busy');
    expect(await Promise.all(waiting)).toEqual(['busy', 'busy']);
    await prober.close();
    expect(await running).toBe('busy');
  });
});

describe('a second opinion', () => {
  it('is asked for when nothing could be read, or pictures are missing, and never otherwise', async () => {
    const asked: string[] = [];
    const prober = aProber({}, readStored, ({ sha256 }) => {
      asked.push(sha256);
      return Promise.resolve({ durationSeconds: 9, videoCodec: 'theora' });
    });

    expect(await prober.probe(blobOf('clip.avi'), never)).toEqual({ durationSeconds: 9, videoCodec: 'theora' });
    expect(await prober.probe(blobOf('sound-first.ogv'), never)).toEqual({
      ...{ durationSeconds: 0.2, audioCodec: 'vorbis' },
      videoCodec: 'theora',
    });
    for (const name of ['portrait.mp4', 'sound.mp3', 'picture.heic'] as const) await prober.probe(blobOf(name), never);
    expect(asked).toEqual([sampleMedia('clip.avi').sha256, sampleMedia('sound-first.ogv').sha256]);
  });

  it('changes nothing when it has none', async () => {
    const prober = aProber({}, readStored, () => Promise.resolve(null));

    expect(await prober.probe(blobOf('clip.avi'), never)).toEqual({});
  });
});
