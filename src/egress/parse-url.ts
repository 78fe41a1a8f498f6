/** Four times the longest host name, for percent-encoded and international ones. Parsing 2.6 KiB of the latter takes 30 ms. */
export const MAX_AUTHORITY_BYTES = 1024;

/** Where the platform looks for an authority: behind a scheme, or behind two slashes of either kind. */
const AUTHORITY = /^(?: *[a-z][a-z0-9+.-]*:[/\\]*| *[/\\]{2,})([^/\\?#]*)/i;

/**
 * Parses as the platform does, which is also how undici reads a URL.
 * @returns undefined for what is no URL, and for an authority of more than 1 KiB. Not asked by URL.canParse: once compiled,
 * Node 20 lets it misread text outside of ASCII and call valid what `new URL` throws at
 */
export function parseUrl(text: string, base?: URL): URL | undefined {
  if (Buffer.byteLength(AUTHORITY.exec(text)?.[1] ?? '') > MAX_AUTHORITY_BYTES) return undefined;
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
