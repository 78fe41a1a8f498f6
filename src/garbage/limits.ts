/** How old things must be before they are garbage, in milliseconds. */
export interface GarbageLimits {
  /** Of a blob that nothing refers to, since it was stored or imported last. */
  readonly blobAgeMs: number;
  /** Of a part, since it last grew. */
  readonly partAgeMs: number;
  /** Of a notice, since it was put up. */
  readonly noticeAgeMs: number;
  /** Of what is known of a host, since it was used last. */
  readonly hostAgeMs: number;
  /** Of an import, since it ended. */
  readonly retentionMs: number;
}

const HOUR_MS = 3_600_000;

export function garbageLimits(retentionDays: number): GarbageLimits {
  return {
    // Between blob and media an attempt needs a moment; a database that is away meanwhile for a weekend does no harm either.
    blobAgeMs: 48 * HOUR_MS,
    // An attempt ends after 23 hours (activities/import-item.ts), and the next one follows within minutes.
    partAgeMs: 24 * HOUR_MS,
    // An import looks for a notice right after it has written its media; the rest is for clocks that differ.
    noticeAgeMs: 48 * HOUR_MS,
    // The longest pause is 15 minutes, or RETRY_MAX; after a day the state of the host is learned anew.
    hostAgeMs: 24 * HOUR_MS,
    retentionMs: retentionDays * 24 * HOUR_MS,
  };
}
