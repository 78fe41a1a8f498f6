import { parentPort } from 'node:worker_threads';
import ExifReader from 'exifreader';
import type { AssetFacts } from '../domain/media.js';
import {
  ADTS,
  CustomSource,
  FLAC,
  Input,
  MATROSKA,
  MP3,
  MP4,
  MPEG_TS,
  OGG,
  QTFF,
  WAVE,
  WEBM,
  type InputAudioTrack,
  type InputVideoTrack,
} from 'mediabunny';
import { factsOf, plausible, plausibleCodec, plausibleSize, type FromThread, type ToThread } from './facts.js';

/*
 * The thread that reads foreign files. It has no access to the blob store: the main thread answers its reads, within limits. A file
 * that makes it loop or run out of memory costs the thread and not the worker.
 */

/** All but HLS, which is a list of addresses. */
const FORMATS = [MP4, QTFF, MATROSKA, WEBM, WAVE, OGG, FLAC, MP3, ADTS, MPEG_TS];

/** Below the limit of reads: what is cached is not read twice. */
const CACHE_BYTES = 8 * 1024 ** 2;

/** Frames that tell a rate, as the library advises. */
const FRAMES = 256;

/** Names as ffprobe has them, where the library has others. */
const CODECS: Readonly<Record<string, string>> = {
  avc: 'h264',
  'pcm-s16': 'pcm_s16le',
  'pcm-s16be': 'pcm_s16be',
  'pcm-s24': 'pcm_s24le',
  'pcm-s24be': 'pcm_s24be',
  'pcm-s32': 'pcm_s32le',
  'pcm-s32be': 'pcm_s32be',
  'pcm-f32': 'pcm_f32le',
  'pcm-f32be': 'pcm_f32be',
  'pcm-f64': 'pcm_f64le',
  'pcm-f64be': 'pcm_f64be',
  'pcm-u8': 'pcm_u8',
  'pcm-s8': 'pcm_s8',
  ulaw: 'pcm_mulaw',
  alaw: 'pcm_alaw',
};

const port = parentPort;
const reads = new Map<number, (bytes: Uint8Array | null) => void>();
let readCount = 0;

function send(message: FromThread): void {
  port?.postMessage(message);
}

/** @throws Error when the main thread refuses: too much was asked for, or the store does not answer */
async function read(job: number, start: number, end: number): Promise<Uint8Array> {
  const id = readCount++;
  const bytes = await new Promise<Uint8Array | null>((resolve) => {
    reads.set(id, resolve);
    send({ type: 'read', job, read: id, start, end });
  });
  if (bytes === null) throw new Error('The bytes cannot be read');
  return bytes;
}

/** One fact may be unreadable although the others are not. */
async function attempt<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch {
    return undefined;
  }
}

async function probeFilm(job: number, size: number): Promise<AssetFacts> {
  const source = new CustomSource({
    getSize: () => size,
    read: (start, end) => read(job, start, end),
    maxCacheSize: CACHE_BYTES,
    // Fewer and larger reads: each is a message and, with S3, a request.
    prefetchProfile: 'network',
    handleUnhandledError: () => undefined,
  });
  const input = new Input({ formats: FORMATS, source });
  try {
    if ((await attempt(() => input.canRead())) !== true) return {};
    const [video, audio] = [
      await attempt(() => input.getPrimaryVideoTrack()),
      await attempt(() => input.getPrimaryAudioTrack()),
    ];
    if (!video && !audio) return {};
    const told = await attempt(() => input.getDurationFromMetadata());
    const duration = plausible(told) ?? plausible(await attempt(() => input.computeDuration()));
    return factsOf({
      durationSeconds: duration,
      ...(video ? await videoFacts(video) : {}),
      audioCodec: audio ? await codecOf(audio) : undefined,
    });
  } finally {
    input.dispose();
  }
}

async function videoFacts(video: InputVideoTrack): Promise<AssetFacts> {
  // Of frames that are as wide as high as they are shown: rotation and pixel aspect ratio are applied.
  const size = plausibleSize(
    await attempt(() => video.getDisplayWidth()),
    await attempt(() => video.getDisplayHeight()),
  );
  const codec = await codecOf(video);
  const rate = await attempt(() => video.computeFrameRateMetrics({ targetPacketCount: FRAMES }));
  const frameRate = plausible(rate?.underlyingFrameRate ?? rate?.averageFrameRate);
  return factsOf({ ...size, videoCodec: codec, frameRate });
}

async function codecOf(track: InputVideoTrack | InputAudioTrack): Promise<string | undefined> {
  const codec = await attempt<string | null>(() => track.getCodec());
  return plausibleCodec(codec && (CODECS[codec] ?? codec));
}

/** More than a photo of a telephone; metadata may stand at the end. */
const PHOTO_BYTES = 16 * 1024 ** 2;

async function probePhoto(job: number, size: number): Promise<AssetFacts> {
  const bytes = await attempt(() => read(job, 0, Math.min(size, PHOTO_BYTES)));
  if (bytes === undefined) return {};
  const tags = await attempt(async () => ExifReader.load(bytes.buffer as ArrayBuffer, { expanded: true, async: true }));
  const { Latitude, Longitude } = tags?.gps ?? {};
  return Number.isFinite(Latitude) && Number.isFinite(Longitude) ? { hasPosition: true } : {};
}

port?.on('message', (message: ToThread) => {
  if (message.type === 'bytes') {
    reads.get(message.read)?.(message.bytes);
    reads.delete(message.read);
    return;
  }
  const { job, kind, size } = message;
  const probing = kind === 'film' ? probeFilm(job, size) : probePhoto(job, size);
  void probing
    .catch((): AssetFacts => ({}))
    .then((facts) => {
      send({ type: 'done', job, facts });
    });
});
