import { randomBytes } from 'node:crypto';
import type { HostLeaseStore } from '../domain/host.js';

/** Four renewals to a lease, so that a slow database or a pause of the process costs nothing. */
const RENEWAL_MS = 2_000;
/**
 * How long a worker relies on its lease while the database does not answer: an election takes 12 s according to MongoDB's manual, and is
 * noticed after four. Other workers declare none dead before they have been steady themselves, so the lease still exists afterwards.
 */
const OWN_MS = 20_000;
/** A worker whose renewals have succeeded for so long can tell the dead from those that had no database either: two renewals. */
const STEADY_MS = 5_000;
/** A worker's membership in the sharing of slots. */
export interface Lease {
  /**
   * The id under which slots may be taken now. Answered without asking anybody while it is fresh.
   * @throws whatever the store throws
   */
  current(): string | Promise<string>;
  /** The same without waiting; undefined when it is not fresh. */
  readonly id: string | undefined;
  /** Whether the lease has been renewed without a gap for long enough to judge those of other workers. */
  readonly isSteady: boolean;
  /** What is taken under this lease is not known any more: it ends, and its slots with it. */
  lose(): void;
  /** The clock of the database, as far as it is known. */
  readonly now: () => Date;
  close(): Promise<void>;
}

/**
 * Keeps a lease while slots are in use. A worker that was paused for longer than its lease, or could not reach the database for as
 * long, takes a new one, and its slots anew.
 * @param onLost told when everything that was taken under the last id is gone
 * @param elapsed a clock in milliseconds that is never set
 */
export function createLease(deps: {
  leases: HostLeaseStore;
  onLost: () => void;
  elapsed?: () => number;
  newId?: () => string;
}): Lease {
  const { leases, onLost, elapsed = () => performance.now(), newId = randomId } = deps;
  let id: string | undefined;
  let renewedAt = -Infinity;
  let steadySince = Infinity;
  let offsetMs = 0;
  let opening: Promise<string> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const isFresh = () => id !== undefined && elapsed() - renewedAt < OWN_MS;
  const note = (sentAt: number, answered: Date) => {
    if (sentAt - renewedAt > 2 * RENEWAL_MS) steadySince = sentAt;
    renewedAt = sentAt;
    offsetMs = answered.getTime() - Date.now();
  };

  const lose = () => {
    const lost = id;
    id = undefined;
    clearInterval(timer);
    if (lost === undefined) return;
    // Lets other workers see sooner that these slots are free; nothing depends on it.
    leases.close(lost).catch(() => undefined);
    onLost();
  };

  const renew = async () => {
    const renewing = id;
    if (renewing === undefined) return;
    const sentAt = elapsed();
    try {
      const answered = await leases.renew(renewing);
      if (id !== renewing) return;
      if (answered === null) lose();
      else note(sentAt, answered);
    } catch {
      // The next renewal tells; until then the lease grows old.
      if (!isFresh()) lose();
    }
  };

  const open = async () => {
    lose();
    const [next, sentAt] = [newId(), elapsed()];
    note(sentAt, await leases.open(next));
    id = next;
    timer = setInterval(() => void renew(), RENEWAL_MS);
    timer.unref();
    return next;
  };

  return {
    get id() {
      return isFresh() ? id : undefined;
    },
    get isSteady() {
      return elapsed() - renewedAt <= 2 * RENEWAL_MS && elapsed() - steadySince >= STEADY_MS;
    },
    current: () => {
      if (id !== undefined && isFresh()) return id;
      // Not at once: to lose the old one leads back here.
      opening ??= Promise.resolve()
        .then(open)
        .finally(() => {
          opening = undefined;
        });
      return opening;
    },
    lose,
    now: () => new Date(Date.now() + offsetMs),
    close: async () => {
      clearInterval(timer);
      const last = id;
      id = undefined;
      if (last !== undefined) await leases.close(last);
    },
  };
}

/** A letter and 16 hex digits: the name of a field in the documents of hosts. */
function randomId(): string {
  return `w${randomBytes(8).toString('hex')}`;
}
