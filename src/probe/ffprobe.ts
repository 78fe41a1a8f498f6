import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pLimit from 'p-limit';
import { z } from 'zod';
import type { BlobStore } from '../blobs/blob-store.js';
import type { AssetFacts } from '../domain/media.js';
import type { BlobOfMedia } from '../store/media-store.js';
import { factsOf, plausible, plausibleCodec, plausibleSize } from './facts.js';

/** Asks ffprobe about stored bytes; null when it cannot tell anything. Never throws. */
export type Ffprobe = (
  blob: BlobOfMedia,
  blobs: Pick<BlobStore, 'read'>,
  signal: AbortSignal,
) => Promise<AssetFacts | null>;

/** It answers within a tenth of a second, or hangs on a broken file. */
const TIME_MS = 10_000;
/** Headers and the first frames of any format; it reads from a pipe, and cannot look at the end. */
const READ_BYTES = 32 * 1024 ** 2;
/** Its answer has a few hundred bytes for each stream. */
const ANSWER_BYTES = 256 * 1024;
/** Each is a process of some 30 MiB. */
const AT_A_TIME = 2;

/** Containers, and no format that names other files or addresses: playlists, concatenations, manifests. */
const FORMATS = [
  ...['aac', 'ac3', 'aiff', 'amr', 'ape', 'asf', 'au', 'avi', 'caf', 'dts', 'dv', 'eac3', 'flac', 'flv', 'ivf'],
  ...[
    'matroska,webm',
    'mov,mp4,m4a,3gp,3g2,mj2',
    'mp3',
    'mpeg',
    'mpegts',
    'mpegvideo',
    'mxf',
    'ogg',
    'rm',
    'wav',
    'wv',
  ],
].join(',');

const SHOWN =
  'format=duration:stream=codec_type,codec_name,width,height,sample_aspect_ratio,avg_frame_rate:stream_disposition=attached_pic:stream_side_data=rotation';

/** A list and no command line: no shell sees it. It may open nothing but its own input. */
const ARGUMENTS = [
  ...['-v', 'quiet', '-protocol_whitelist', 'pipe', '-format_whitelist', FORMATS],
  ...['-print_format', 'json', '-show_entries', SHOWN, '-i', 'pipe:0'],
];

const Stream = z.object({
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  sample_aspect_ratio: z.string().optional(),
  avg_frame_rate: z.string().optional(),
  disposition: z.object({ attached_pic: z.number().optional() }).optional(),
  side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
});
const Answer = z.object({
  streams: z.array(Stream).default([]),
  format: z.object({ duration: z.string().optional() }).optional(),
});

/** What an answer of ffprobe says; null when it has no stream of sound or pictures. */
export function readAnswer(text: string): AssetFacts | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { data } = Answer.safeParse(json);
  // A cover is a picture that comes with a sound.
  const video = data?.streams.find((each) => each.codec_type === 'video' && each.disposition?.attached_pic !== 1);
  const audio = data?.streams.find((each) => each.codec_type === 'audio');
  if (video === undefined && audio === undefined) return null;
  return factsOf({
    durationSeconds: plausible(Number(data?.format?.duration)),
    ...(video && { ...sizeOf(video), frameRate: plausible(ratio(video.avg_frame_rate, '/')) }),
    videoCodec: plausibleCodec(video?.codec_name),
    audioCodec: plausibleCodec(audio?.codec_name),
  });
}

/** As displayed: with the pixels that are not square stretched in width, as players do, and turned. */
function sizeOf({ width, height, sample_aspect_ratio, side_data_list }: z.infer<typeof Stream>) {
  const aspect = plausible(ratio(sample_aspect_ratio, ':')) ?? 1;
  const wide = width === undefined ? undefined : width * aspect;
  const rotation = side_data_list?.find((each) => each.rotation !== undefined)?.rotation ?? 0;
  const isOnItsSide = Math.abs(Math.round(rotation / 90)) % 2 === 1;
  return isOnItsSide ? plausibleSize(height, wide) : plausibleSize(wide, height);
}

function ratio(text: string | undefined, sign: string): number | undefined {
  const [above, below] = (text ?? '').split(sign).map(Number);
  return above === undefined || below === undefined || below === 0 ? undefined : above / below;
}

/**
 * Where ffprobe is.
 * @param setting a path, `off`, or undefined to look for it in the folders of `path`
 * @returns null when there is none
 * @throws Error when the setting names a file that this process may not execute
 */
export async function findFfprobe(setting: string | undefined, path: string): Promise<string | null> {
  if (setting === 'off') return null;
  const places = setting === undefined ? path.split(delimiter).map((folder) => join(folder, 'ffprobe')) : [setting];
  for (const place of places) {
    // A relative folder of PATH would be another one for each working directory.
    if (setting === undefined && !isAbsolute(place)) continue;
    try {
      await access(place, constants.X_OK);
      return place;
    } catch {
      continue;
    }
  }
  if (setting !== undefined)
    throw new Error(`FFPROBE ${setting} is no program that this process may run; give its path, or off to do without`);
  return null;
}

/** @param program its path */
export function createFfprobe(program: string): Ffprobe {
  const limit = pLimit(AT_A_TIME);
  return (blob, blobs, signal) => limit(() => run(program, blob, blobs, signal));
}

async function run(
  program: string,
  { sha256, bytes }: BlobOfMedia,
  blobs: Pick<BlobStore, 'read'>,
  signal: AbortSignal,
): Promise<AssetFacts | null> {
  if (signal.aborted) return null;
  try {
    const body = await blobs.read(sha256, { start: 0, end: Math.min(bytes, READ_BYTES) - 1 });
    if (body === null) return null;
    const child = spawn(program, ARGUMENTS, {
      // Nothing of the environment, secrets among it, and no folder of ours.
      ...{ env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true },
      ...{ timeout: TIME_MS, killSignal: 'SIGKILL', signal },
    });
    const ended = new Promise<void>((resolve) =>
      child
        .once('error', () => {
          resolve();
        })
        .once('close', () => {
          resolve();
        }),
    );
    // It closes its input as soon as it knows enough.
    const fed = pipeline(body, child.stdin).catch(() => undefined);
    let answer = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      answer += text;
      if (answer.length > ANSWER_BYTES) child.kill('SIGKILL');
    });
    await ended;
    body.destroy();
    await fed;
    return child.exitCode === 0 ? readAnswer(answer) : null;
  } catch {
    return null;
  }
}
