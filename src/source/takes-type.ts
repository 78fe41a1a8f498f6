import type { MediaType } from '../contract/media-type.js';
import { canonicalType } from './canonical-type.js';

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
