import { NAMESPACE, TASK_QUEUE } from './processes.js';

/** A link that is bad and a disk that is full for seconds use up some: far more than that, so that no item is given up. */
export const ATTEMPTS = 60;
export const DATABASE = 'chaos';
export const TOKEN_SECRET = 'a-secret-of-the-chaos-runs-and-of-nothing-else';

/** Tried for two minutes, whatever the receiver and the links do. */
const WEBHOOK_SCHEDULE = ['0s', ...Array.from({ length: 59 }, () => '2s')].join(',');

export interface Addresses {
  readonly folder: string;
  readonly blobs: string;
  /** Ports of fault proxies or of the servers themselves. */
  readonly mongodb: number;
  readonly temporal: number;
  /** Ports of this machine that may be fetched from and delivered to. */
  readonly allowed: readonly number[];
  readonly metrics: number;
}

/** What a gateway or a worker is told: retries that suit a run of minutes. */
export function serviceEnvironment(addresses: Addresses): NodeJS.ProcessEnv {
  const { folder, blobs, mongodb, temporal, allowed, metrics } = addresses;
  return {
    ...process.env,
    DATA_DIR: folder,
    BLOB_STORE_URL: `file:${blobs}`,
    // The server would name its own address, past the proxy, if it were asked for its set.
    MONGODB_URL: `mongodb://127.0.0.1:${mongodb}/?directConnection=true`,
    MONGODB_DATABASE: DATABASE,
    TEMPORAL_ADDRESS: `127.0.0.1:${temporal}`,
    TEMPORAL_NAMESPACE: NAMESPACE,
    TEMPORAL_TASK_QUEUE: TASK_QUEUE,
    TOKEN_SECRET,
    EGRESS_ALLOW: allowed.map((port) => `127.0.0.1/32:${port}`).join(','),
    RATE_LIMIT: 'off',
    // All files come from one host, slow ones too.
    HOST_MAX_CONNECTIONS: '24',
    HOST_MAX_CONCURRENT: '48',
    RETRY_ATTEMPTS: String(ATTEMPTS),
    RETRY_INITIAL: '300ms',
    RETRY_MAX: '3s',
    WEBHOOK_SCHEDULE,
    METRICS_PORT: String(metrics),
  };
}
