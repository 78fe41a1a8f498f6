import { imageSize } from 'image-size';

export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/**
 * Pixel dimensions from the head of an image. Undefined where they are not told there (an SVG without a size, a JPEG whose
 * metadata fill the head): an image without known dimensions is still an image.
 */
export function imageDimensions(mimeType: string, head: Uint8Array): Dimensions | undefined {
  if (!mimeType.startsWith('image/')) return undefined;
  try {
    const { width, height } = imageSize(head);
    const rounded = { width: Math.round(width), height: Math.round(height) };
    return isPlausible(rounded.width) && isPlausible(rounded.height) ? rounded : undefined;
  } catch {
    return undefined;
  }
}

function isPlausible(pixels: number): boolean {
  return Number.isSafeInteger(pixels) && pixels > 0;
}
