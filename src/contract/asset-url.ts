import { extension } from 'mime-types';

/** Where mime-types has no extension, or one that players and people do not expect. */
const EXTENSIONS = new Map([
  ['application/postscript', 'ps'],
  ['application/vnd.ms-asf', 'asf'],
  ['audio/flac', 'flac'],
  ['audio/mpeg', 'mp3'],
  ['audio/ogg', 'ogg'],
  ['audio/opus', 'opus'],
  ['audio/vnd.wave', 'wav'],
  ['video/matroska', 'mkv'],
  ['video/mpeg', 'mpg'],
  ['video/quicktime', 'mov'],
  ['video/vnd.avi', 'avi'],
]);

/** What the asset route takes: mime-types also knows `webmanifest`, `x_t` and `n-gage`. */
const SERVED = /^[a-z0-9]{1,10}$/;

/** The file extension, without its dot, of a media type with or without parameters; `bin` for one that has none to serve. */
export function assetExtension(mimeType: string): string {
  const essence = (mimeType.split(';', 1)[0] ?? '').trim().toLowerCase();
  const known = EXTENSIONS.get(essence) ?? extension(essence);
  return known !== false && SERVED.test(known) ? known : 'bin';
}

/** Where the gateway serves a blob: `<publicUrl>/assets/<sha256>.<ext>`. The blob decides; the extension is for people. */
export function assetUrl(publicUrl: string, sha256: string, mimeType: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/assets/${sha256}.${assetExtension(mimeType)}`;
}
