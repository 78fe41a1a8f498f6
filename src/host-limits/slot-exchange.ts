import { LEASE_MS, type HostRecord, type HostStore } from '../domain/host.js';
import type { HostStateCache } from './host-states.js';
import type { Lease } from './lease.js';

/** How often a worker says that it wants slots, and looks for slots of the dead: see `fairShare`. */
const WANT_MS = 1_000;

export interface SlotExchangeDeps {
  readonly store: Pick<HostStore, 'slots' | 'leases'>;
  readonly lease: Lease;
  readonly states: HostStateCache;
  /** Slots of one host that all workers share. */
  readonly sharedMax: number;
}

/**
 * Takes slots of one host from MongoDB and gives them back. It counts nothing: what a worker holds is known to its `HostSlots`, which
 * asks for one operation at a time.
 */
export class SlotExchange {
  /** By a clock that is never set. */
  private wantedAt = -Infinity;

  constructor(
    private readonly host: string,
    private readonly deps: SlotExchangeDeps,
  ) {}

  /** Whether other workers had all slots a moment ago. */
  get isWanting(): boolean {
    return performance.now() - this.wantedAt < WANT_MS;
  }

  /**
   * Takes as many slots as there are, up to `count`.
   * @param own the lease to take them under
   * @param isFirst the worker has none yet
   * @returns their number, or that the host may not be asked now
   * @throws whatever the store throws; whether slots were taken is not known then
   */
  async take(own: string, count: number, isFirst: boolean): Promise<number | 'resting'> {
    const { host } = this;
    const { store, lease, states, sharedMax } = this.deps;
    if (await store.slots.take(own, host, count, sharedMax, 'well')) {
      if (isFirst) states.isWell(host);
      return count;
    }
    const record = await states.read(host, 'fresh');
    if (record.restingUntil !== undefined && record.restingUntil > lease.now()) return 'resting';
    const some = Math.min(count, sharedMax - record.total);
    if (some > 0 && (await store.slots.take(own, host, some, sharedMax))) return some;
    if (!this.isWanting) {
      this.wantedAt = performance.now();
      await Promise.all([store.slots.want(own, host), this.buryDead(record, own)]);
    }
    return 0;
  }

  /**
   * @param held how many the lease has, those to be given included
   * @throws whatever the store throws
   */
  async give(own: string, count: number, held: number): Promise<void> {
    await this.deps.store.slots.give(own, this.host, count, held);
  }

  /** Frees what workers hold that are not there any more. */
  private async buryDead({ held }: HostRecord, own: string): Promise<void> {
    const { store, lease } = this.deps;
    const others = Object.keys(held).filter((other) => other !== own);
    if (others.length === 0 || !lease.isSteady) return;
    const dead = await store.leases.endStale(others, new Date(lease.now().getTime() - LEASE_MS));
    for (const gone of dead) await store.slots.reclaim(gone, this.host, held[gone] ?? 0);
  }
}
