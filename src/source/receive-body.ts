import type { Readable } from 'node:stream';
import { ImportError } from '../contract/errors.js';
import { bodyError } from './body-error.js';
import { checkSize, type SizeLimit } from './size-limit.js';
import type { SpeedFloor } from './speed-floor.js';

export interface ReceiveOptions {
  /** Announced wire bytes, null when unknown. */
  readonly announced: number | null;
  readonly size: SizeLimit;
  readonly floor: SpeedFloor;
  readonly signal: AbortSignal;
  /** Told the wire bytes so far after every chunk. */
  readonly onReceived: (received: number) => void;
}

/**
 * Yields a body as it comes off the wire, within its limits.
 * @throws ImportError truncated, timeout, too_slow, too_large, empty; LeaveSweep; the reason of an aborted signal
 */
export async function* receiveBody(body: Readable, options: ReceiveOptions): AsyncGenerator<Buffer, void, undefined> {
  const { announced, size, floor, signal, onReceived } = options;
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  let received = 0;
  for (;;) {
    const asked = performance.now();
    const next = await chunks.next().catch((cause: unknown) => {
      signal.throwIfAborted();
      throw bodyError(cause, received);
    });
    signal.throwIfAborted();
    if (next.done === true) break;
    received += next.value.byteLength;
    onReceived(received);
    checkSize(received, size);
    if (!floor.record(next.value.byteLength, performance.now() - asked)) {
      throw new ImportError('too_slow', `The source was slower than the minimum speed after ${received} bytes`, {
        stage: 'body',
      });
    }
    yield next.value;
  }
  if (announced !== null && received !== announced) {
    throw new ImportError('truncated', `The body ended after ${received} of ${announced} bytes`, { stage: 'body' });
  }
  if (received === 0) throw new ImportError('empty', 'The file has no bytes', { stage: 'body' });
}
