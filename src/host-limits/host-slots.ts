import { setTimeout as pause } from 'node:timers/promises';
import { LINGER_MS, fairShare, nextMove, surplus, type SlotState } from './slot-decision.js';
import { SlotExchange, type SlotExchangeDeps } from './slot-exchange.js';
import { createSlotQueue, type SlotAnswer } from './slot-queue.js';

/** How often a worker looks for a slot of a host that others use up; of varying length, so that no two always meet. */
const POLL_MS = 200;
const LONGEST_POLL_MS = 300;

export interface HostSlotsDeps extends SlotExchangeDeps {
  /** Slots of one host that this process may use. */
  readonly ownMax: number;
}

/**
 * The slots of one host in this process. They are taken in advance and given back late, so that items cost no operation of their own:
 * what is taken is kept while there is work, unless others want a part. One operation at a time, so that what is stored is always
 * known: the pump makes the moves that slot-decision.ts decides on, one after the other, while there are any.
 */
export class HostSlots {
  private readonly queue = createSlotQueue();
  private readonly exchange: SlotExchange;
  private readonly most: number;
  /** Slots that are held under the lease. */
  private taken = 0;
  private inUse = 0;
  private idleSince = performance.now();
  private pumping: Promise<void> | undefined;
  private lingering: NodeJS.Timeout | undefined;

  /** @param onEmpty told when there is nothing to remember of this host */
  constructor(
    private readonly host: string,
    private readonly deps: HostSlotsDeps,
    private readonly onEmpty: () => void,
  ) {
    this.exchange = new SlotExchange(host, deps);
    this.most = Math.min(deps.sharedMax, deps.ownMax);
  }

  /** Items that have a slot. */
  get active(): number {
    return this.inUse;
  }

  /** Items that wait for a slot. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Waits for a slot; `onWait` is called when there is none to be had at once.
   * @param group those of one group wait in line, groups take turns
   * @throws whatever the store throws
   */
  acquire(over: AbortSignal, group: string, patienceMs: number, onWait: () => void): Promise<SlotAnswer> {
    if (this.waiting === 0 && this.hasFree && !over.aborted) {
      this.inUse += 1;
      return Promise.resolve('taken');
    }
    // Others are served as soon as a slot is taken for them.
    if (this.inUse >= this.most || this.exchange.isWanting) onWait();
    const answer = this.queue.wait(over, group, patienceMs);
    this.pump();
    return answer;
  }

  release(): void {
    const { lease, states } = this.deps;
    this.inUse -= 1;
    this.idleSince = performance.now();
    // Before the slot goes to the next item here, it is looked whether others want it.
    const isUnknown = this.waiting > 0 && states.peek(this.host) === undefined;
    if (lease.id === undefined || isUnknown || surplus(this.state, this.share(lease.id)) > 0) this.pump();
    else this.serve();
    if (this.pumping === undefined) this.settle();
  }

  /** What was taken is gone: slots in use are taken anew before any more work begins. */
  lost(): void {
    this.taken = 0;
    if (this.inUse > 0 || this.waiting > 0) this.pump();
  }

  /** Gives back what is not in use. */
  async close(): Promise<void> {
    clearTimeout(this.lingering);
    this.queue.close();
    await this.pumping;
    clearTimeout(this.lingering);
    if (this.taken > this.inUse) await this.give(await this.deps.lease.current(), this.taken - this.inUse);
  }

  private get state(): SlotState {
    const idleMs = performance.now() - this.idleSince;
    return { taken: this.taken, active: this.inUse, waiting: this.waiting, idleMs };
  }

  /** Whether a slot is taken that no item uses. */
  private get hasFree(): boolean {
    return this.inUse < this.taken && this.deps.lease.id !== undefined;
  }

  /** Whether items wait or work for which no slot is taken. */
  private get isShort(): boolean {
    return this.waiting > 0 || this.inUse > this.taken;
  }

  /** How many slots to keep when others want some too; all of them otherwise. */
  private share(own: string): number {
    const record = this.deps.states.peek(this.host);
    if (record === undefined) return this.most;
    return Math.min(this.most, fairShare(record, own, this.deps.sharedMax, this.deps.lease.now()));
  }

  /** Lets items that wait have the slots that are free. */
  private serve(): void {
    while (this.waiting > 0 && this.hasFree) {
      this.inUse += 1;
      this.queue.next();
    }
  }

  private async give(own: string, count: number): Promise<void> {
    const held = this.taken;
    this.taken -= count;
    await this.exchange.give(own, count, held);
  }

  private async take(own: string, count: number): Promise<number> {
    const got = await this.exchange.take(own, count, this.taken === 0);
    if (got === 'resting') {
      this.queue.close();
      return 0;
    }
    // A lease that was lost meanwhile has taken nothing.
    if ((await this.deps.lease.current()) === own) this.taken += got;
    return got;
  }

  /** Begins to make moves, unless some are being made. */
  private pump(): void {
    // Not at once: the first move may lose the lease, which leads back here.
    this.pumping ??= Promise.resolve()
      .then(() => this.run())
      .finally(() => {
        this.pumping = undefined;
        this.settle();
      });
  }

  private async run(): Promise<void> {
    try {
      while (await this.step());
    } catch (error) {
      // Whether the operation was carried out is not known.
      this.deps.lease.lose();
      this.queue.fail(error);
    }
  }

  /** One move. Answers false when there is nothing more to do. */
  private async step(): Promise<boolean> {
    const own = await this.deps.lease.current();
    // What others want is looked at once a second.
    if (this.taken > 0 && this.waiting > 0) await this.deps.states.read(this.host);
    const move = nextMove(this.state, { most: this.most, share: this.share(own) });
    if (move.kind === 'give') {
      await this.give(own, move.count);
      // A worker that wants them looks within this time.
      if (this.waiting > 0 && this.taken === this.inUse) await pause(LONGEST_POLL_MS);
      return true;
    }
    this.serve();
    if (move.kind === 'full') return false;
    const got = move.kind === 'take' ? await this.take(own, move.count) : 0;
    this.serve();
    if (got === 0 && this.isShort) await pause(POLL_MS + Math.random() * (LONGEST_POLL_MS - POLL_MS));
    return this.isShort;
  }

  /** What is left to do when nothing is under way: to give back later, or to be forgotten. */
  private settle(): void {
    clearTimeout(this.lingering);
    const { taken, inUse, most } = this;
    const isStuck = this.waiting > 0 && (taken < most || this.deps.lease.id === undefined);
    if (isStuck) this.pump();
    else if (taken > inUse)
      this.lingering = setTimeout(() => {
        this.pump();
      }, LINGER_MS).unref();
    else if (taken === 0 && inUse === 0) this.onEmpty();
  }
}
