import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { MongoNetworkError, MongoServerError } from 'mongodb';
import { ensureGarbageSchedule } from '../../../src/temporal/garbage-schedule.js';
import { retryUntilConnected } from '../../../src/process/lifecycle.js';
import { openStore } from '../../../src/store/open-store.js';
import { createLogger } from '../../../src/telemetry/logger.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Tries and counts; the log beside it. */
function trying(signal = new AbortController().signal) {
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString();
      done();
    },
  });
  const dependency = { name: 'Temporal', address: 'temporal:7233', logger: createLogger('info', 'test', sink), signal };
  let tries = 0;
  const attempt = <T>(connect: (nth: number) => Promise<T>): Promise<T> =>
    retryUntilConnected(dependency, () => connect((tries += 1)));
  return { attempt, tries: () => tries, log: () => log };
}

/** A server that answers every call of gRPC with a status. */
async function aServerThatAnswers(status: number): Promise<string> {
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) };
    stream.respond({ ...headers, 'grpc-message': 'said the server' }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await once(server, 'close');
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;
const UNAVAILABLE = 14;

/** A failed connection as Node reports it. */
const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });

describe('retryUntilConnected', () => {
  it('tries again while the server is away, and logs why', async () => {
    const { attempt, tries, log } = trying();

    const result = await attempt((nth) => (nth < 3 ? Promise.reject(refused()) : Promise.resolve('connected')));

    expect({ result, tries: tries() }).toEqual({ result: 'connected', tries: 3 });
    expect(log()).toContain('"reason":"connect ECONNREFUSED 127.0.0.1:1"');
    expect(log()).toContain('Temporal is reachable now');
  });

  it('tries again while MongoDB elects a primary or cannot be reached', async () => {
    const passing = [
      new MongoNetworkError('connect ECONNREFUSED'),
      new MongoServerError({ message: 'not primary', code: 10107 }),
    ];
    const { attempt, tries } = trying();

    await attempt((nth) => (nth <= passing.length ? Promise.reject(passing[nth - 1] ?? refused()) : Promise.resolve()));

    expect(tries()).toBe(3);
  });

  it('ends at once with the message of what waiting does not help', async () => {
    const { attempt, tries } = trying();
    const conflict = new MongoServerError({ message: 'An existing index has the same name', code: 86 });

    await expect(attempt(() => Promise.reject(conflict))).rejects.toThrow('An existing index has the same name');
    expect(tries()).toBe(1);
  });

  it('ends with the message of MongoDB when the password is wrong', async () => {
    const { attempt } = trying();
    const wrong = new MongoServerError({ message: 'Authentication failed.', code: 18 });

    await expect(attempt(() => Promise.reject(wrong))).rejects.toThrow(
      'Temporal at temporal:7233 refuses this process: Authentication failed.',
    );
  });

  it.each([
    ['denies the namespace', PERMISSION_DENIED],
    ['does not take the key', UNAUTHENTICATED],
  ])('ends when Temporal %s, as a gateway and as a worker', async (_name, status) => {
    const address = await aServerThatAnswers(status);
    const connection = Connection.lazy({ address });
    closing.push(() => connection.close());
    const schedule = { client: new Client({ connection, namespace: 'ours' }), taskQueue: 'q', everyMs: 60_000 };
    const [gateway, worker] = [trying(), trying()];

    await expect(gateway.attempt(() => ensureGarbageSchedule(schedule))).rejects.toThrow('said the server');
    await expect(worker.attempt(() => NativeConnection.connect({ address }))).rejects.toThrow('said the server');

    expect([gateway.tries(), worker.tries()]).toEqual([1, 1]);
  });

  it('waits for a Temporal that is unavailable, and for one that is not there', async () => {
    const stop = new AbortController();
    const unavailable = trying(stop.signal);
    const absent = trying(stop.signal);
    const connecting = [
      unavailable.attempt(async () => NativeConnection.connect({ address: await aServerThatAnswers(UNAVAILABLE) })),
      absent.attempt((nth) => {
        if (nth === 3) stop.abort(new Error('seen enough'));
        return NativeConnection.connect({ address: '127.0.0.1:1' });
      }),
    ];

    expect(await Promise.allSettled(connecting)).toMatchObject([
      { reason: { message: 'The operation was aborted' } },
      { reason: { message: 'The operation was aborted' } },
    ]);
    expect(unavailable.tries()).toBeGreaterThan(1);
  });

  it('waits for a MongoDB that is not there', async () => {
    const store = openStore({ url: 'mongodb://127.0.0.1:1', database: 'none', serverSelectionMs: 50 });
    closing.push(() => store.close());
    const { attempt, tries } = trying();

    await attempt((nth) => (nth < 3 ? store.prepare() : Promise.resolve()));

    expect(tries()).toBe(3);
  });
});
