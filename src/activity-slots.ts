import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit } from '@temporalio/worker';
import type { Activities } from './contract/activity-types.js';

export interface ActivitySlotLimits {
  /** Activities that run at a time. */
  readonly activities: number;
  /** How many of them may sweep a page. */
  readonly pages: number;
}

const PAGE: keyof Activities = 'sweepPage';

/**
 * The activity slots of a worker. What waits at Temporal is handed out in order of priority and fairness; what a worker has
 * taken is not put back. So it takes no more pages than keep it busy, however many other activities it has room for. What a
 * poll will bring is not known beforehand: each one that is out counts as a page.
 */
export function createActivitySlots({ activities, pages }: ActivitySlotLimits): CustomSlotSupplier<ActivitySlotInfo> {
  const polling = new Set<SlotPermit>();
  const sweeping = new Set<SlotPermit>();
  const others = new Set<SlotPermit>();
  const waiting = new Set<(permit: SlotPermit) => void>();

  const isFree = (): boolean =>
    polling.size + sweeping.size < pages && polling.size + sweeping.size + others.size < activities;
  const take = (): SlotPermit => {
    const permit = {};
    polling.add(permit);
    return permit;
  };
  const serveWaiting = (): void => {
    for (const resolve of waiting) {
      if (!isFree()) return;
      waiting.delete(resolve);
      resolve(take());
    }
  };

  return {
    type: 'custom',
    reserveSlot: (_context, signal) =>
      new Promise((resolve, reject) => {
        waiting.add(resolve);
        const giveUp = (): void => {
          if (waiting.delete(resolve)) reject(signal.reason as Error);
        };
        if (signal.aborted) giveUp();
        else signal.addEventListener('abort', giveUp, { once: true });
        serveWaiting();
      }),
    // A task that comes back with the answer to a workflow task has passed by the order of the queue.
    tryReserveSlot: () => null,
    markSlotUsed: ({ permit, slotInfo }) => {
      polling.delete(permit);
      (slotInfo.activityType === PAGE ? sweeping : others).add(permit);
      serveWaiting();
    },
    releaseSlot: ({ permit }) => {
      for (const held of [polling, sweeping, others]) held.delete(permit);
      serveWaiting();
    },
  };
}
