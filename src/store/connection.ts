import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { MongoNetworkError, type MongoClient, type ServerType } from 'mongodb';
import type { Logger } from 'pino';

/** Server types that take writes. */
const WRITABLE: ReadonlySet<ServerType> = new Set<ServerType>(['RSPrimary', 'Standalone', 'Mongos', 'LoadBalancer']);

export interface Topology {
  /** Whether the server that took writes last replicates them; a standalone server does not. */
  readonly isReplicated: () => boolean;
  /** Nothing is told from then on: a client that closes forgets its servers. */
  ignore(): void;
}

/**
 * Follows what the driver knows of the servers, and says once when none takes writes any more and once when one does again: an
 * election is then one line, whatever number of requests met it.
 */
export function watchTopology(client: MongoClient, logger?: Pick<Logger, 'info' | 'warn'>): Topology {
  let writable: ServerType | undefined;
  let lostAt: number | undefined;
  let isIgnored = false;

  client.on('topologyDescriptionChanged', ({ newDescription }) => {
    if (isIgnored) return;
    const types = [...newDescription.servers.values()].map(({ type }) => type);
    const found = types.find((type) => WRITABLE.has(type));
    if (found !== undefined) {
      writable = found;
      if (lostAt === undefined) return;
      logger?.info({ afterMs: Math.round(performance.now() - lostAt) }, 'MongoDB takes writes again');
      lostAt = undefined;
    } else if (writable !== undefined && lostAt === undefined) {
      lostAt = performance.now();
      logger?.warn('MongoDB has no server that takes writes: it restarts or elects a primary');
    }
  });

  return {
    isReplicated: () => writable === 'RSPrimary' || writable === 'Mongos',
    ignore: () => {
      isIgnored = true;
    },
  };
}

interface WriteOptions {
  readonly signal?: AbortSignal;
}
type WriteCommand = (this: { readonly socket: Socket }, command: unknown, options: WriteOptions) => Promise<void>;

/** The part of the driver's internals that is patched. */
interface WritePrototype {
  writeCommand: WriteCommand;
}

interface Driver {
  readonly version: string;
  readonly Connection?: { readonly prototype: Partial<WritePrototype> };
}

/** The version whose code was read and patched. Another one may write in another way, or no longer need the patch. */
export const PATCHED_DRIVER = '7.9.0';

const patched = new WeakSet<WriteCommand>();

/**
 * Lets a write fail whose connection closes. The driver waits for the `drain` of a socket and hears only of its errors,
 * not of its end: a write that meets a closing socket, or one that Node has destroyed and not yet reported closed, is waited for
 * indefinitely. When that is the check of the server's state, which is made just when other connections break, the process never
 * finds a restarted MongoDB again: seen in one of four kill -9 of the server under load.
 *
 * And it hands on what the system says of a connection that breaks during that wait as it is, so that neither the driver nor anybody
 * else takes it for what it is: the network. Seen once in 150 breakages.
 *
 * Says so when the driver is not the one that it was written for, and leaves one alone that has no such function.
 * @param report told in a sentence what does not fit
 */
export function failDeadWrites(report: (message: string) => void, driver: Driver = installedDriver()): void {
  const { version, Connection } = driver;
  const prototype: Partial<WritePrototype> | undefined = Connection?.prototype;
  const original = prototype?.writeCommand;
  const expected = `the patch of its writes was made for ${PATCHED_DRIVER}`;
  if (prototype === undefined || typeof original !== 'function') {
    report(`mongodb ${version} is not patched, ${expected}: a write to a connection that closes may wait forever`);
    return;
  }
  if (version !== PATCHED_DRIVER) report(`mongodb ${version} is in use, ${expected}: check src/store/connection.ts`);
  if (patched.has(original)) return;
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
  patched.add(writeCommand);
  prototype.writeCommand = writeCommand;
}

function installedDriver(): Driver {
  const load = createRequire(import.meta.url);
  const { version } = load('mongodb/package.json') as { version: string };
  try {
    return { version, ...(load('mongodb/lib/cmap/connection.js') as Omit<Driver, 'version'>) };
  } catch {
    return { version };
  }
}

/** Errors of the system name the call that failed. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
