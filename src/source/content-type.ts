import { MIMEType } from 'node:util';

/** Longest content type that is kept with a failed attempt. */
const MAX_SHOWN = 100;

/**
 * The type and subtype of a Content-Type header in lower case, without parameters; undefined when there is none or it breaks the
 * grammar of RFC 9110 section 8.3.1.
 */
export function parseContentType(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  try {
    return new MIMEType(header).essence;
  } catch {
    return undefined;
  }
}

/** The header as operators may see it: no parameters (they can hold file names), printable ASCII, at most 100 characters. */
export function shownContentType(header: string | undefined): string | undefined {
  const type =
    parseContentType(header) ??
    header
      ?.split(';')[0]
      ?.replace(/[^\x20-\x7e]/g, '')
      .trim();
  return type === undefined || type === '' ? undefined : type.slice(0, MAX_SHOWN);
}
