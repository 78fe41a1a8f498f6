import type { Readable } from 'node:stream';
import { ImportError } from '../domain/errors.js';
import { classifyNetworkError } from '../egress/network-errors.js';
import type { Reception } from './reception.js';

/**
 * What the failure of a body stream means. Only silence has a code of its own: whatever else breaks a body after its headers
 * (reset, close, a broken chunk) means that not all of it came, and that another attempt may get it. The failure is not kept as
 * `cause`, because Node writes addresses into its messages.
 * @param received wire bytes that had arrived, those of earlier attempts among them
 */
export function bodyError(failure: unknown, received: number): ImportError {
  return classifyNetworkError(failure, 'body')?.code === 'timeout'
    ? new ImportError('timeout', `The source fell silent after ${received} bytes of the body`, { stage: 'body' })
    : new ImportError('truncated', `The connection broke after ${received} bytes of the body`, { stage: 'body' });
}

interface SpeedFloor {
  /**
   * Takes note of a chunk and of how long it was waited for. Time that is spent elsewhere, such as in a slow store, is not told
   * and does not count.
   * @returns false when the source has been slower than the floor over the whole window
   */
  record(bytes: number, waitedMs: number): boolean;
}

interface Slot {
  bytes: number;
  waitedMs: number;
}

/** Enough steps for the window to slide smoothly, few enough to add up at every chunk. */
const SLOTS = 30;

/**
 * A minimum speed over a sliding window of waiting time. Silence is not its business (the idle limit ends it): this one is for
 * bodies that drip just fast enough to look alive.
 */
export function createSpeedFloor(minBytesPerSecond: number, windowMs: number): SpeedFloor {
  const slots: Slot[] = [{ bytes: 0, waitedMs: 0 }];
  const total: Slot = { bytes: 0, waitedMs: 0 };
  return {
    record(bytes, waitedMs) {
      let current = slots.at(-1);
      if (!current || current.waitedMs >= windowMs / SLOTS) slots.push((current = { bytes: 0, waitedMs: 0 }));
      add(current, bytes, waitedMs);
      add(total, bytes, waitedMs);
      for (let oldest = slots[0]; oldest && total.waitedMs - oldest.waitedMs >= windowMs; oldest = slots[0]) {
        add(total, -oldest.bytes, -oldest.waitedMs);
        slots.shift();
      }
      return total.waitedMs < windowMs || total.bytes >= (minBytesPerSecond * total.waitedMs) / 1000;
    },
  };
}

function add(slot: Slot, bytes: number, waitedMs: number): void {
  slot.bytes += bytes;
  slot.waitedMs += waitedMs;
}

/**
 * Yields a body as it comes off the wire, within its limits. Each chunk is counted in the reception before it is judged.
 * @throws ImportError truncated, timeout, too_slow, too_large, empty; NeedsOwnActivity; the reason of an aborted signal
 */
export async function* receiveBody(
  body: Readable,
  reception: Reception,
  floor: SpeedFloor,
): AsyncGenerator<Buffer, void, undefined> {
  const { total, signal } = reception;
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  for (;;) {
    const asked = performance.now();
    const next = await chunks.next().catch((cause: unknown) => {
      signal.throwIfAborted();
      throw bodyError(cause, reception.arrived);
    });
    signal.throwIfAborted();
    if (next.done === true) break;
    reception.add(next.value);
    const { arrived } = reception;
    reception.checkSize(arrived);
    if (!floor.record(next.value.byteLength, performance.now() - asked)) {
      throw new ImportError('too_slow', `The source was slower than the minimum speed after ${arrived} bytes`, {
        stage: 'body',
      });
    }
    yield next.value;
  }
  const { arrived } = reception;
  if (total !== null && arrived !== total) {
    throw new ImportError('truncated', `The body ended after ${arrived} of ${total} bytes`, { stage: 'body' });
  }
  if (arrived === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
  reception.end();
}
