/**
 * The notice that a blob is about to be removed. Collection and import meet here: the collector condemns a blob first and looks
 * afterwards how old it is and whether a media refers to it; an import stores its blob first, which makes it look new, looks for
 * a notice afterwards, and then writes its media. Whatever the order, at least one of the two sees the other.
 */
export interface RemovalNotice {
  /** SHA-256 of the blob. */
  readonly _id: string;
  /**
   * removing: the blob may vanish at any moment, for a collector that announced its removal has not completed it; done: it was removed, or
   * spared, by every collector that announced it.
   */
  readonly state: 'removing' | 'done';
  /** When its removal was announced last, by the collectors that have not completed it if there are any. */
  readonly at: Date;
}

/** A collector removes what it announced within this time after the notice, and spares it afterwards. */
export const REMOVE_WITHIN_MS = 5 * 60_000;

/**
 * A notice that is older is dead: its collector has removed the blob or never will. Twelve times `REMOVE_WITHIN_MS`, for clocks
 * that differ and for a process that was suspended between its last look at the clock and the removal.
 */
export const NOTICE_DEAD_AFTER_MS = 60 * 60_000;

export interface RemovalNoticeStore {
  /**
   * Puts up notices of this collector, dated now, also over older ones and beside those of other collectors. A collector is one
   * run of one process: a run that was taken for dead and its successor are two, and neither concludes for the other.
   * Acknowledged when it resolves.
   */
  announce(collector: string, sha256s: readonly string[]): Promise<void>;
  /** This collector will not remove them any more. Notices stay up: an import may only now be looking. */
  complete(collector: string, sha256s: readonly string[]): Promise<void>;
  /** The notice as it stands now, also while the database changes its primary. Grouped with other callers' reads. */
  find(sha256: string): Promise<RemovalNotice | null>;
  /** Takes notices down that are older than this. */
  purge(before: Date): Promise<number>;
}
