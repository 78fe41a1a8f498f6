import { imageSize } from 'image-size';
import type { Dimensions } from './formats/found.js';

/**
 * Pixel dimensions from the head of an image. Undefined where they are not told there (an SVG without a size): an image without
 * known dimensions is still an image.
 */
export function imageDimensions(mimeType: string, head: Uint8Array): Dimensions | undefined {
  if (!mimeType.startsWith('image/')) return undefined;
  try {
    const { width, height } = imageSize(head);
    return plausible({ width: Math.round(width), height: Math.round(height) });
  } catch {
    return undefined;
  }
}

/** The dimensions that an image can have. */
export function plausible(dimensions: Dimensions | undefined): Dimensions | undefined {
  if (dimensions === undefined) return undefined;
  const { width, height } = dimensions;
  return isPlausible(width) && isPlausible(height) ? { width, height } : undefined;
}

function isPlausible(pixels: number): boolean {
  return Number.isSafeInteger(pixels) && pixels > 0;
}
