import { lookup } from 'mime-types';

/** How the bytes behind an extension are labelled. */
export interface AssetType {
  readonly contentType: string;
  /** Whether a browser may show it in place; everything else is offered for saving. */
  readonly isInline: boolean;
}

/** Types that a browser shows without running anything of theirs. */
const INLINE =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp|tiff)|video\/[a-z0-9.+-]+|audio\/[a-z0-9.+-]+|application\/pdf|text\/plain)$/;
/** Labelled truthfully all the same: an `<img>` runs no scripts of an SVG, and shows it despite the disposition. */
const SAVED = /^(?:image\/svg\+xml|application\/(?:zip|gzip|json|epub\+zip|rtf|msword|vnd\.[a-z0-9.+-]+)|text\/csv)$/;

/**
 * The type of an asset, told by its extension. Whoever imports a file chooses its bytes, so nothing that a browser would
 * execute under our origin (HTML, scripts, XML) is ever labelled as such.
 */
export function assetType(extension: string): AssetType {
  const found = lookup(extension);
  if (found === false) return { contentType: 'application/octet-stream', isInline: false };
  if (INLINE.test(found))
    return { contentType: found === 'text/plain' ? 'text/plain; charset=utf-8' : found, isInline: true };
  return { contentType: SAVED.test(found) ? found : 'application/octet-stream', isInline: false };
}
