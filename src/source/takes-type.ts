import type { MediaType } from '../contract/media-type.js';
import { canonicalType } from './canonical-type.js';

/** What an image is unless a media type names another type: what browsers show. */
const IMAGE_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/svg+xml']);

/** Whether a media type takes a canonical type: by its kind, and by one of its exact types or patterns. */
export function takesType({ kind, allowedMimeTypes }: MediaType, type: string): boolean {
  if (kind === 'video' && !isVideo(type)) return false;
  if (kind === 'image' && !type.startsWith('image/')) return false;
  if (allowedMimeTypes.some((pattern) => canonicalType(pattern) === type)) return true;
  if (kind === 'image' && !IMAGE_TYPES.has(type)) return false;
  return allowedMimeTypes.some((pattern) => isCovered(pattern.trim().toLowerCase(), type));
}

/** MXF is video all through but registered as application/mxf (RFC 4539). */
function isVideo(type: string): boolean {
  return type.startsWith('video/') || type === 'application/mxf';
}

function isCovered(pattern: string, type: string): boolean {
  if (pattern === '*' || pattern === '*/*') return true;
  if (pattern === 'video/*') return isVideo(type);
  return pattern.endsWith('/*') && type.startsWith(pattern.slice(0, -1));
}
