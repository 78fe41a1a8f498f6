import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findOnPath } from '../../src/local-stack/tools.js';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { spawnServer, stopServer, waitUntilReady } from '../../src/local-stack/spawn-server.js';
import type { Cleanup } from './cleanup.js';
import { Missing } from './missing.js';

export interface RunningServer {
  readonly port: number;
  readonly pid: number;
}

const READY_TIMEOUT_MS = 20_000;

/**
 * Starts Redis as BullMQ's manual asks for it in production: append-only file, written to disk every second, nothing evicted. Up
 * to a second of acknowledged jobs may be lost when the machine dies, none when the process does.
 * @throws Missing when it is not installed
 */
export async function startRedis(cleanup: Cleanup): Promise<RunningServer> {
  const file = await findOnPath('redis-server');
  if (file === null) throw new Missing('redis-server is not on PATH');
  const folder = await mkdtemp(join(tmpdir(), 'durable-import-bench-redis-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const port = await anyFreePort();
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const durability = [
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
  ];
  const server = await spawnServer({ file, args: [...place, ...durability], logFile: join(folder, 'redis.log') });
  cleanup.add(() => stopServer(server));
  await waitUntilReady(server, { name: 'Redis', timeoutMs: READY_TIMEOUT_MS, probe: () => ping(port) });
  return { port, pid: server.pid };
}

async function ping(port: number): Promise<void> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
