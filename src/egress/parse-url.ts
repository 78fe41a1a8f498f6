/**
 * Parses as the platform does, which is also how undici reads a URL.
 * @returns undefined for what is no URL. Not asked by URL.canParse: once compiled, Node 20 lets it misread
 * text outside of ASCII and call valid what `new URL` throws at
 */
export function parseUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
