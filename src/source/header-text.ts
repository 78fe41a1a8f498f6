import type { IncomingHttpHeaders } from 'node:http';

/** A header as one text. Lines of the same name are joined as a list (RFC 9110 section 5.3), whatever the types promise. */
export function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
