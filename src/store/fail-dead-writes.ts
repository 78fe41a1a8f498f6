import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { MongoNetworkError } from 'mongodb';

interface WriteOptions {
  readonly signal?: AbortSignal;
}
type WriteCommand = (this: { readonly socket: Socket }, command: unknown, options: WriteOptions) => Promise<void>;

/** The part of the driver's internals that is mended. */
interface Driver {
  readonly Connection: { readonly prototype: { writeCommand: WriteCommand } };
}

const mended = new WeakSet<WriteCommand>();

/**
 * Lets a write fail whose connection closes. The driver (7.9.0) waits for the `drain` of a socket and hears only of its errors,
 * not of its end: a write that meets a closing socket, or one that Node has destroyed and not yet reported closed, is waited for
 * for ever. When that is the check of the server's state, which is made just when other connections break, the process never
 * finds a restarted MongoDB again: seen in one of four kill -9 of the server under load.
 *
 * And it hands on what the system says of a connection that breaks during that wait as it is, so that neither the driver nor anybody
 * else takes it for what it is: the network. Seen once in 150 breakages.
 */
export function failDeadWrites(): void {
  const { prototype } = (createRequire(import.meta.url)('mongodb/lib/cmap/connection.js') as Driver).Connection;
  const original = prototype.writeCommand;
  if (mended.has(original)) return;
  const closings = new WeakMap<Socket, AbortSignal>();
  const closingOf = (socket: Socket): AbortSignal => {
    const known = closings.get(socket);
    if (known !== undefined) return known;
    const closing = new AbortController();
    socket.once('close', () => {
      closing.abort(new MongoNetworkError('The connection closed during a write'));
    });
    closings.set(socket, closing.signal);
    return closing.signal;
  };
  const writeCommand: WriteCommand = async function (command, options) {
    try {
      await original.call(this, command, { ...options, signal: options.signal ?? closingOf(this.socket) });
    } catch (error) {
      throw isSystemError(error)
        ? new MongoNetworkError('The connection broke during a write', { cause: error })
        : error;
    }
  };
  mended.add(writeCommand);
  prototype.writeCommand = writeCommand;
}

/** Errors of the system name the call that failed. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
