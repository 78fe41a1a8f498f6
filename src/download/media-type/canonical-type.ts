import type { MediaType } from '../../domain/media.js';

/** One name for each type: the one that the most software knows and that has a file extension of its own. */
const ALIASES: Readonly<Record<string, string>> = {
  'video/matroska': 'video/x-matroska',
  'video/vnd.avi': 'video/x-msvideo',
  'video/avi': 'video/x-msvideo',
  'video/msvideo': 'video/x-msvideo',
  'video/mp1s': 'video/mpeg',
  'video/mp2p': 'video/mpeg',
  'video/x-ms-asf': 'video/x-ms-wmv',
  'application/vnd.ms-asf': 'video/x-ms-wmv',
  'video/mov': 'video/quicktime',
  'video/x-quicktime': 'video/quicktime',
  'video/x-mp4': 'video/mp4',
  'video/flv': 'video/x-flv',
  'video/vnd.dlna.mpeg-tts': 'video/mp2t',
  'video/mxf': 'application/mxf',
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'image/apng': 'image/png',
  'image/svg': 'image/svg+xml',
  'image/x-ms-bmp': 'image/bmp',
  'image/vnd.microsoft.icon': 'image/x-icon',
  'audio/mp3': 'audio/mpeg',
  'audio/x-m4a': 'audio/mp4',
  'audio/m4a': 'audio/mp4',
  'audio/x-mpeg': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'audio/vnd.wave': 'audio/wav',
  'audio/x-flac': 'audio/flac',
  'audio/x-ms-asf': 'audio/x-ms-wma',
  'application/x-pdf': 'application/pdf',
  'application/x-gzip': 'application/gzip',
  'application/x-zip-compressed': 'application/zip',
  'application/x-zip': 'application/zip',
  'application/x-javascript': 'text/javascript',
  'application/javascript': 'text/javascript',
  'text/xml': 'application/xml',
  'text/x-vcard': 'text/vcard',
  'text/x-vcalendar': 'text/calendar',
};

/** The canonical name of a type, in lower case and without parameters. Patterns such as `video/*` come back as they are. */
export function canonicalType(type: string): string {
  const essence = (type.split(';')[0] ?? '').trim().toLowerCase();
  return ALIASES[essence] ?? essence;
}

/** Whether a media type takes a canonical type: by its kind, and by one of its exact types or patterns. */
export function takesType({ kind, allowedMimeTypes }: MediaType, type: string): boolean {
  return isOfKind(kind, type) && allowedMimeTypes.some((pattern) => isCovered(pattern, type));
}

/** Whether another configuration of a media type of this kind could take the type. */
export function isOfKind(kind: MediaType['kind'], type: string): boolean {
  if (kind === 'video') return isVideo(type);
  return kind === 'file' || type.startsWith('image/');
}

/** Whether a media type takes anything of these top-level types. */
export function couldTake({ kind, allowedMimeTypes }: MediaType, topLevelTypes: readonly string[]): boolean {
  if (kind !== 'file') return topLevelTypes.includes(kind);
  const tops = allowedMimeTypes.map((pattern) => canonicalType(pattern).split('/')[0] ?? '');
  return tops.some((top) => top === '*' || topLevelTypes.includes(top));
}

/** MXF is video all through but registered as application/mxf (RFC 4539). */
function isVideo(type: string): boolean {
  return type.startsWith('video/') || type === 'application/mxf';
}

function isCovered(allowed: string, type: string): boolean {
  const pattern = canonicalType(allowed);
  if (pattern === '*' || pattern === '*/*' || pattern === type) return true;
  if (pattern === 'video/*') return isVideo(type);
  return pattern.endsWith('/*') && type.startsWith(pattern.slice(0, -1));
}
