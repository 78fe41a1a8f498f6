import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit, SlotReserveContext } from '@temporalio/worker';
import { createActivitySlots } from '../../src/activity-slots.js';

const CONTEXT = { slotType: 'activity', taskQueue: 'q', workerIdentity: 'w', isSticky: false } as SlotReserveContext;

let slots: CustomSlotSupplier<ActivitySlotInfo>;
beforeEach(() => {
  slots = createActivitySlots({ activities: 4, pages: 2 });
});

/** What of this many polls is let through at once. */
async function poll(count: number, signal = new AbortController().signal): Promise<SlotPermit[]> {
  const permits: SlotPermit[] = [];
  for (let n = 0; n < count; n++)
    void slots.reserveSlot(CONTEXT, signal).then(
      (permit) => permits.push(permit),
      () => undefined,
    );
  await settled();
  return permits;
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const begin = (permit: SlotPermit | undefined, activityType: string): void => {
  slots.markSlotUsed({ permit: permit ?? {}, slotInfo: { type: 'activity', activityType } });
};

describe('createActivitySlots', () => {
  it('lets no more polls out than pages may run: each could bring one', async () => {
    expect(await poll(5)).toHaveLength(2);
  });

  it('asks for no more work while as many pages run as may', async () => {
    const permits = await poll(2);
    for (const permit of permits) begin(permit, 'sweepPage');

    expect(await poll(1)).toEqual([]);
  });

  it('goes on asking while what runs is no page, up to all its slots', async () => {
    const permits = await poll(9);
    for (let n = 0; n < 4; n++) {
      begin(permits[n], 'importItem');
      await settled();
    }

    expect(permits).toHaveLength(4);
  });

  it('goes on when a page has ended, a poll has brought nothing, or another activity has ended', async () => {
    const permits = await poll(9);
    begin(permits[0], 'sweepPage');
    await settled();
    expect(permits).toHaveLength(2);

    slots.releaseSlot({ permit: permits[1] ?? {} });
    await settled();
    expect(permits).toHaveLength(3);

    slots.releaseSlot({ permit: permits[0] ?? {}, slotInfo: { type: 'activity', activityType: 'sweepPage' } });
    await settled();
    expect(permits).toHaveLength(4);
  });

  it('gives up a poll that is not wanted any more, with the reason of its signal', async () => {
    await poll(2);
    const stop = new AbortController();
    const late = slots.reserveSlot(CONTEXT, stop.signal);
    const gone = slots.reserveSlot(CONTEXT, AbortSignal.abort(new Error('gone before')));
    stop.abort(new Error('shut down'));

    await expect(late).rejects.toThrow('shut down');
    await expect(gone).rejects.toThrow('gone before');
  });

  it('takes no task past the queue', () => {
    expect(slots.tryReserveSlot(CONTEXT)).toBeNull();
  });
});
