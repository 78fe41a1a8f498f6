import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { shape, type Toxic } from './toxic.js';

export interface ProxiedConnection {
  /** Resolves when both sockets are closed and nothing of the connection runs any more. Never rejects. */
  readonly ended: Promise<void>;
  /** Starts to count the bytes of `limit` anew and the time of `reset`. */
  onToxic(toxic: Toxic | null): void;
  /** Sends an RST to both sides. */
  reset(): void;
}

export interface ProxiedOptions {
  readonly client: Socket;
  readonly target: Socket;
  readonly toxic: () => Toxic | null;
  readonly random: () => number;
  readonly onBytes: (direction: 'up' | 'down', bytes: number) => void;
}

interface Stamped {
  readonly chunk: Buffer;
  readonly at: number;
}

/** Chunks of at most 64 KiB that may be under way at once: late bytes, not less of them. */
const UNDER_WAY = 64;

/** Moves bytes between two sockets and does to them what the toxic of the moment says. The sockets allow half-open. */
export function connectThrough({ client, target, toxic, random, onBytes }: ProxiedOptions): ProxiedConnection {
  const over = new AbortController();
  let downSinceToxic = 0;
  let resetTimer: NodeJS.Timeout | undefined;

  const end = (): void => {
    over.abort();
    clearTimeout(resetTimer);
  };
  const reset = (): void => {
    end();
    for (const socket of [client, target]) {
      // An RST needs an open connection; one that is still being made is given up. One whose end was sent cannot be reset: libuv
      // refuses (uv_tcp_close_reset, EINVAL), and Node then never says that it is closed.
      if (socket.connecting || socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  const finish = (): void => {
    end();
    for (const socket of [client, target]) socket.destroySoon();
  };
  /** One side is gone: the other one must hear of it, unless both were told to end in order. */
  const onBroken = (): void => {
    if (!over.signal.aborted) reset();
  };
  for (const socket of [client, target]) socket.on('error', onBroken);

  const pump = async (from: Socket, to: Socket, direction: 'up' | 'down'): Promise<void> => {
    const stamp = new Transform({
      readableObjectMode: true,
      readableHighWaterMark: UNDER_WAY,
      transform(chunk: Buffer, _encoding, done) {
        done(null, { chunk, at: Date.now() } satisfies Stamped);
      },
    });
    from.once('close', () => {
      if (!from.readableEnded) stamp.destroy();
    });
    for await (const { chunk, at } of from.pipe(stamp) as AsyncIterable<Stamped>) {
      for (const { bytes, pauseMs } of shape(chunk, toxic(), Date.now() - at, random)) {
        if (pauseMs > 0) await pause(pauseMs, undefined, { signal: over.signal });
        const passed = direction === 'up' ? bytes : bytes.subarray(0, leftOfLimit());
        onBytes(direction, passed.length);
        if (direction === 'down') downSinceToxic += passed.length;
        if (passed.length > 0 && !to.write(passed)) await once(to, 'drain', { signal: over.signal });
        if (passed.length < bytes.length) {
          finish();
          return;
        }
      }
    }
    to.end();
  };
  const leftOfLimit = (): number => {
    const now = toxic();
    return now?.kind === 'limit' ? Math.max(0, now.bytes - downSinceToxic) : Infinity;
  };

  const onToxic = (now: Toxic | null): void => {
    downSinceToxic = 0;
    clearTimeout(resetTimer);
    if (now?.kind === 'reset') resetTimer = setTimeout(reset, now.afterMs);
  };
  onToxic(toxic());

  const pumps = [pump(client, target, 'up'), pump(target, client, 'down')].map((running) => running.catch(onBroken));
  const closed = [client, target].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  const ended = Promise.all([...pumps, ...closed]).then(end);
  return { ended, onToxic, reset };
}
