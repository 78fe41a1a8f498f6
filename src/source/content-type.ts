import { MIMEType } from 'node:util';

/** Longest content type that is kept with a failed attempt. */
const MAX_SHOWN = 100;

/** One of a list. Commas within a quoted string, such as a file name, part nothing; one that is not closed ends with the header. */
const VALUE = /(?:"(?:\\[^]|[^"\\])*(?:"|\\?$)|[^,"])+/g;

/**
 * The type and subtype of a Content-Type header in lower case, without parameters; undefined when there is none or it breaks the
 * grammar of RFC 9110 section 8.3.1. Of several, in one line or in more, the last one that is valid and says something counts, as
 * in browsers (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type).
 */
export function parseContentType(header: string | undefined): string | undefined {
  const types = (header?.match(VALUE) ?? []).flatMap((value) => {
    try {
      return [new MIMEType(value).essence];
    } catch {
      return [];
    }
  });
  return types.findLast((type) => type !== '*/*') ?? types.at(-1);
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
