import { lookup } from 'mime-types';

/** How the bytes behind an extension are labelled. */
export interface AssetType {
  readonly contentType: string;
  /** Whether a browser may show it in place; everything else is offered for saving. */
  readonly isInline: boolean;
  /** The extension that it is saved under, without its dot. */
  readonly savedAs: string;
}

/** Types that a browser shows without running anything of theirs. */
const INLINE =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp|tiff)|video\/[a-z0-9.+-]+|audio\/[a-z0-9.+-]+|application\/pdf|text\/plain)$/;
/**
 * Labelled truthfully all the same, and only ever saved. Without what a desktop or a telephone would run: HTML Help, packages, and all
 * that is XML. An `<img>` runs no scripts of an SVG, and shows it despite the disposition.
 */
const SAVED =
  /^(?:image\/svg\+xml|application\/(?:zip|gzip|json|epub\+zip|rtf|msword|vnd\.(?!ms-htmlhelp|android|debian|.*installer)[a-z0-9.-]+)|text\/csv)$/;

/**
 * The type of an asset, told by its extension. The client that imports a file chooses its bytes, so nothing that a browser or a desktop
 * would execute (HTML, scripts, XML, programs) is ever labelled as such, nor saved under a name that would run.
 */
export function assetType(extension: string): AssetType {
  const found = lookup(extension) || '';
  if (INLINE.test(found)) {
    const contentType = found === 'text/plain' ? 'text/plain; charset=utf-8' : found;
    return { contentType, isInline: true, savedAs: extension };
  }
  if (SAVED.test(found)) return { contentType: found, isInline: false, savedAs: extension };
  return { contentType: 'application/octet-stream', isInline: false, savedAs: 'bin' };
}
