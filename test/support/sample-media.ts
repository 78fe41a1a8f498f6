import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Kind } from '../../src/domain/import.js';

export interface SampleMedia {
  readonly name: string;
  readonly path: string;
  readonly body: Buffer;
  readonly sha256: string;
  /** The type that its bytes are. */
  readonly mimeType: string;
  /** The kind that it is usually imported as. */
  readonly kind: Kind;
}

const SAMPLE_TYPES = {
  'clip.mp4': ['video/mp4', 'video'],
  'clip.webm': ['video/webm', 'video'],
  'clip.mov': ['video/quicktime', 'video'],
  'picture.png': ['image/png', 'image'],
  'picture.jpg': ['image/jpeg', 'image'],
  'document.pdf': ['application/pdf', 'file'],
  'login-page.mp4': ['text/html', 'file'],
} as const satisfies Record<string, readonly [string, Kind]>;

const FIXTURE_TYPES = {
  'clip.avi': ['video/x-msvideo', 'video'],
  'clip.flv': ['video/x-flv', 'video'],
  'clip.m4v': ['video/x-m4v', 'video'],
  'clip.mkv': ['video/x-matroska', 'video'],
  'clip.mpg': ['video/mpeg', 'video'],
  'clip.mxf': ['application/mxf', 'video'],
  'clip.ogv': ['video/ogg', 'video'],
  'clip.m2ts': ['video/mp2t', 'video'],
  'clip.wmv': ['video/x-ms-wmv', 'video'],
  'picture.apng': ['image/png', 'image'],
  'picture.avif': ['image/avif', 'image'],
  'picture.gif': ['image/gif', 'image'],
  'picture.svg': ['image/svg+xml', 'image'],
  'picture.webp': ['image/webp', 'image'],
  'archive.zip': ['application/zip', 'file'],
  'letter.docx': ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'file'],
} as const satisfies Record<string, readonly [string, Kind]>;

/** What only a look inside tells, beyond the magic number. */
const INSIDE_TYPES = {
  'sound.weba': ['audio/webm', 'file'],
  'sound.mp4': ['audio/mp4', 'file'],
  'sound.flac': ['audio/flac', 'file'],
  'sound.wma': ['audio/x-ms-wma', 'file'],
  'sound-first.ogv': ['video/ogg', 'video'],
  'sound-first.wmv': ['video/x-ms-wmv', 'video'],
  'picture.heic': ['image/heic', 'image'],
  'portrait.jpg': ['image/jpeg', 'image'],
  'portrait.png': ['image/png', 'image'],
  'portrait.avif': ['image/avif', 'image'],
  'portrait.tif': ['image/tiff', 'image'],
} as const satisfies Record<string, readonly [string, Kind]>;

/** What only a probe tells, see the README beside them. */
const PROBED_TYPES = {
  'portrait.mp4': ['video/mp4', 'video'],
  'index-last.mp4': ['video/mp4', 'video'],
  'wide-pixels.mp4': ['video/mp4', 'video'],
  'phone.mov': ['video/quicktime', 'video'],
  'sound-and-film.webm': ['video/webm', 'video'],
  'hevc.mkv': ['video/x-matroska', 'video'],
  'sound.mp3': ['audio/mpeg', 'file'],
  'sound.m4a': ['audio/mp4', 'file'],
  'gps-portrait.jpg': ['image/jpeg', 'image'],
  'no-position.jpg': ['image/jpeg', 'image'],
  'gps.png': ['image/png', 'image'],
  'gps.heic': ['image/heic', 'file'],
  'gps.avif': ['image/avif', 'image'],
  'gps.webp': ['image/webp', 'image'],
  'gps.tif': ['image/tiff', 'file'],
} as const satisfies Record<string, readonly [string, Kind]>;

const TEST_TYPES = { ...FIXTURE_TYPES, ...INSIDE_TYPES, ...PROBED_TYPES };

export type SampleName = keyof typeof SAMPLE_TYPES | keyof typeof TEST_TYPES;

function load(folder: string, name: string, [mimeType, kind]: readonly [string, Kind]): SampleMedia {
  const path = fileURLToPath(new URL(`../../${folder}/${name}`, import.meta.url));
  const body = readFileSync(path);
  return { name, path, body, mimeType, kind, sha256: createHash('sha256').update(body).digest('hex') };
}

/** A file of `samples/` or `test/fixtures/media/` with what is true of it. */
export function sampleMedia(name: SampleName): SampleMedia {
  return name in SAMPLE_TYPES
    ? load('samples', name, SAMPLE_TYPES[name as keyof typeof SAMPLE_TYPES])
    : load('test/fixtures/media', name, TEST_TYPES[name as keyof typeof TEST_TYPES]);
}

/** Every sample and fixture whose magic number tells its type. */
export function allSampleMedia(): SampleMedia[] {
  return [...Object.keys(SAMPLE_TYPES), ...Object.keys(FIXTURE_TYPES)].map((name) => sampleMedia(name as SampleName));
}

/** The names of all files of `samples/` and `test/fixtures/media/`. */
export function sampleNames(): SampleName[] {
  return [...Object.keys(SAMPLE_TYPES), ...Object.keys(TEST_TYPES)] as SampleName[];
}
