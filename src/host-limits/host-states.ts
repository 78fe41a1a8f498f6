import { LRUCache } from 'lru-cache';
import type { HostCircuit, HostRecord, HostStore } from '../domain/host.js';

/** How long a worker goes by what it knows of a host: one read a second of a busy host, however many items it has. */
const FRESH_MS = 1_000;
/** About 10 MB. Hosts beyond are read again when they come up. */
const MAX_ENTRIES = 10_000;

/** What this process knows of hosts, at most a second old. */
export interface HostStateCache {
  /** Undefined when it is not known any more. */
  peek(host: string): HostRecord | undefined;
  /** What was known last, however long ago. */
  last(host: string): HostRecord | undefined;
  /** @param fresh reads even when something is known */
  read(host: string, fresh?: 'fresh'): Promise<HostRecord>;
  /** A slot was taken on condition that nothing is wrong with the host. */
  isWell(host: string): void;
  learnCircuits(host: string, circuits: readonly HostCircuit[]): void;
  learnRest(host: string, until: Date): void;
  /** What is known now, for metrics. */
  all(): Iterable<HostRecord>;
}

interface Entry {
  readonly record: HostRecord;
  readonly readAt: number;
}

export function createHostStateCache(
  store: Pick<HostStore, 'find'>,
  elapsed = () => performance.now(),
): HostStateCache {
  // Only looked at, never touched: the host that was learnt about longest ago goes first.
  const entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  const reads = new Map<string, Promise<HostRecord>>();

  const keep = (record: HostRecord, readAt = elapsed()) => {
    entries.set(record.host, { record, readAt });
  };
  const isRecent = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && elapsed() - entry.readAt < FRESH_MS;
  const peek = (host: string) => {
    const entry = entries.peek(host);
    return isRecent(entry) ? entry.record : undefined;
  };
  const known = (host: string) => entries.peek(host)?.record ?? unknown(host);

  const load = async (host: string) => {
    const readAt = elapsed();
    try {
      const record = (await store.find(host)) ?? unknown(host);
      const entry = entries.peek(host);
      // Something was learnt while this was being read.
      if (entry !== undefined && entry.readAt > readAt) return entry.record;
      keep(record, readAt);
      return record;
    } finally {
      reads.delete(host);
    }
  };

  return {
    peek,
    last: (host) => entries.peek(host)?.record,
    read: (host, fresh) => {
      const entry = fresh === undefined ? peek(host) : undefined;
      if (entry !== undefined) return Promise.resolve(entry);
      const reading = reads.get(host) ?? load(host);
      reads.set(host, reading);
      return reading;
    },
    isWell: (host) => {
      keep(unknown(host));
    },
    learnCircuits: (host, circuits) => {
      keep({ ...known(host), circuits });
    },
    learnRest: (host, restingUntil) => {
      keep({ ...known(host), restingUntil });
    },
    *all() {
      for (const { record } of entries.values()) yield record;
    },
  };
}

function unknown(host: string): HostRecord {
  return { host, total: 0, held: {}, wanting: {}, circuits: [] };
}
