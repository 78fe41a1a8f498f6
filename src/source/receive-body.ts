import type { Readable } from 'node:stream';
import { ImportError } from '../contract/errors.js';
import { bodyError } from './body-error.js';
import { checkSize, type SizeLimit } from './size-limit.js';
import type { SpeedFloor } from './speed-floor.js';

export interface ReceiveOptions {
  /** Bytes before those of this body that an earlier attempt has received. */
  readonly offset: number;
  /** Announced wire bytes of the whole body, the earlier ones among them; null when unknown. */
  readonly total: number | null;
  readonly size: SizeLimit;
  readonly floor: SpeedFloor;
  readonly signal: AbortSignal;
  /** Told the wire bytes of this body so far after every chunk. */
  readonly onReceived: (received: number) => void;
  /** Told when the body is here as a whole. */
  readonly onArrived?: (() => void) | undefined;
}

/**
 * Yields a body as it comes off the wire, within its limits.
 * @throws ImportError truncated, timeout, too_slow, too_large, empty; LeaveSweep; the reason of an aborted signal
 */
export async function* receiveBody(body: Readable, options: ReceiveOptions): AsyncGenerator<Buffer, void, undefined> {
  const { offset, total, size, floor, signal, onReceived, onArrived } = options;
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  let arrived = offset;
  for (;;) {
    const asked = performance.now();
    const next = await chunks.next().catch((cause: unknown) => {
      signal.throwIfAborted();
      throw bodyError(cause, arrived);
    });
    signal.throwIfAborted();
    if (next.done === true) break;
    arrived += next.value.byteLength;
    onReceived(arrived - offset);
    checkSize(arrived, size);
    if (!floor.record(next.value.byteLength, performance.now() - asked)) {
      throw new ImportError('too_slow', `The source was slower than the minimum speed after ${arrived} bytes`, {
        stage: 'body',
      });
    }
    yield next.value;
  }
  if (total !== null && arrived !== total) {
    throw new ImportError('truncated', `The body ended after ${arrived} of ${total} bytes`, { stage: 'body' });
  }
  if (arrived === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
  onArrived?.();
}
