import type { MongoClient, ServerType } from 'mongodb';
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
