/** A source may postpone an attempt by at most a quarter of an hour: beyond it, it would hold the whole batch open. */
const CAP_MS = 15 * 60_000;

/** The three forms of RFC 9110 section 5.6.7 all begin with the name of a day; `Date.parse` alone would take far more. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * Reads a Retry-After header (RFC 9110 section 10.2.3): seconds or an HTTP date.
 * @param nowMs the present, in milliseconds since 1970
 * @returns milliseconds from now, at most 15 minutes; 0 for a date in the past; undefined when there is none to understand
 */
export function retryAfterMs(value: string | undefined, nowMs = Date.now()): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, CAP_MS);
  if (!HTTP_DATE.test(text)) return undefined;
  // The asctime form names no zone and means UTC.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - nowMs, 0), CAP_MS);
}
