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

/** The file extension, without its dot, of a media type with or without parameters; `bin` for an unknown one. */
export function assetExtension(mimeType: string): string {
  const essence = (mimeType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return EXTENSIONS.get(essence) ?? (extension(essence) || 'bin');
}

/** Where the gateway serves a blob: `<publicUrl>/assets/<sha256>.<ext>`. The blob decides; the extension is for people. */
export function assetUrl(publicUrl: string, sha256: string, mimeType: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/assets/${sha256}.${assetExtension(mimeType)}`;
}
