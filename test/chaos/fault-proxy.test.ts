import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { startFaultProxy, type FaultProxy } from '../servers/fault-proxy/fault-proxy.js';
import { connectThrough } from '../servers/fault-proxy/proxied-connection.js';

const BODY = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index % 251));

const GOODBYE = 'goodbye';

let target: Server;
let targetSockets: Socket[];
let errors: string[];
let proxy: FaultProxy;

beforeEach(async () => {
  targetSockets = [];
  errors = [];
  // Sends the body when it is asked for something, and says goodbye when its peer ends.
  target = createServer({ allowHalfOpen: true }, (socket) => {
    targetSockets.push(socket);
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message));
    socket.on('data', () => socket.write(BODY));
    socket.on('end', () => socket.end(GOODBYE));
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  proxy = await startFaultProxy({ targetPort: (target.address() as AddressInfo).port, random: () => 1 });
});
afterEach(async () => {
  await proxy.close();
  for (const socket of targetSockets) socket.destroy();
  target.close();
  await once(target, 'close');
});

interface Client {
  readonly socket: Socket;
  /** Resolves with the code of the error that ended the connection, or null when it ended in order. */
  readonly ended: Promise<string | null>;
}

async function aClient(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  let failure: string | null = null;
  socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message));
  const ended = new Promise<string | null>((resolve) => {
    socket.on('close', () => {
      resolve(failure);
    });
  });
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), ended]);
  return { socket, ended };
}

/** Asks once and reads until as many bytes have come or the connection has ended; answers them and the time it took. */
async function ask(
  { socket, ended }: Client,
  bytes = BODY.length,
): Promise<{ body: Buffer; ms: number; chunks: number }> {
  const chunks: Buffer[] = [];
  const from = performance.now();
  let length = 0;
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytes) resolve();
    });
  });
  socket.write('go');
  await Promise.race([all, ended]);
  socket.removeAllListeners('data');
  return { body: Buffer.concat(chunks), ms: performance.now() - from, chunks: chunks.length };
}

describe('a fault proxy', () => {
  it('without a toxic passes on bytes and the end of each direction, and counts', async () => {
    const client = await aClient();

    const { body } = await ask(client);
    client.socket.end();
    const afterwards = await buffer(client.socket);

    expect(body.equals(BODY)).toBe(true);
    expect(afterwards.toString()).toBe(GOODBYE);
    expect(await client.ended).toBeNull();
    expect(proxy.bytes()).toEqual({ up: 2, down: BODY.length + GOODBYE.length });
    expect(proxy.accepted()).toBe(1);
    await eventually('no open connection', () => proxy.open() === 0);
  });

  it('with latency delivers the same bytes later, each way, jitter on top', async () => {
    const client = await aClient();
    await proxy.set({ kind: 'latency', ms: 150, jitterMs: 50 });

    const { body, ms } = await ask(client);

    expect(body.equals(BODY)).toBe(true);
    expect(ms).toBeGreaterThanOrEqual(390);
    expect(ms).toBeLessThan(5_000);
  });

  it('with a bandwidth delivers the same bytes no faster than that', async () => {
    const client = await aClient();
    await proxy.set({ kind: 'bandwidth', bytesPerSecond: 80_000 });

    const { body, ms } = await ask(client);

    expect(body.equals(BODY)).toBe(true);
    expect(ms).toBeGreaterThanOrEqual(450);
  });

  it('with a slicer delivers the same bytes in small pieces', async () => {
    const client = await aClient();
    await proxy.set({ kind: 'slicer', bytes: 2_000, everyMs: 10 });

    const { body, ms, chunks } = await ask(client);

    expect(body.equals(BODY)).toBe(true);
    expect(chunks).toBeGreaterThan(5);
    expect(ms).toBeGreaterThanOrEqual(180);
  });

  it('with reset breaks both sides of what is open by an RST, and what is opened later after its time', async () => {
    const before = await aClient();
    await ask(before);

    await proxy.set({ kind: 'reset', afterMs: 100 });
    const after = await aClient();
    const answered = await ask(after);

    expect(await before.ended).toBe('ECONNRESET');
    expect(answered.body.equals(BODY)).toBe(true);
    expect(await after.ended).toBe('ECONNRESET');
    await eventually('an RST at the target', () => errors.filter((code) => code === 'ECONNRESET').length === 2);
  });

  it('when cut breaks what is open and refuses what is new, until it is healed', async () => {
    const before = await aClient();
    await ask(before);
    const { port } = proxy;

    await proxy.set({ kind: 'cut' });
    const refused = await aClient();
    expect(await before.ended).toBe('ECONNRESET');
    expect(await refused.ended).toBe('ECONNREFUSED');
    expect(proxy.open()).toBe(0);

    await proxy.set(null);
    const healed = await ask(await aClient());
    expect(proxy.port).toBe(port);
    expect(healed.body.equals(BODY)).toBe(true);
  });

  it('with a limit ends a connection in order after so many bytes', async () => {
    const client = await aClient();
    await proxy.set({ kind: 'limit', bytes: 12_345 });

    const { body } = await ask(client);

    expect(body.equals(BODY.subarray(0, 12_345))).toBe(true);
    expect(await client.ended).toBeNull();
    await eventually('no open connection', () => proxy.open() === 0);
  });

  it('heals a connection that a toxic has only shaped', async () => {
    const client = await aClient();
    await proxy.set({ kind: 'latency', ms: 300 });
    await ask(client);
    await proxy.set(null);

    expect((await ask(client)).ms).toBeLessThan(250);
  });

  it('tells its client of a target that is gone by an RST', async () => {
    const client = await aClient();
    await ask(client);

    for (const socket of targetSockets) socket.resetAndDestroy();

    expect(await client.ended).toBe('ECONNRESET');
  });

  it('ends a connection that is reset in the very moment in which one side is told of the end of the other', async () => {
    const client = connect((target.address() as AddressInfo).port, '127.0.0.1');
    const onward = connect((target.address() as AddressInfo).port, '127.0.0.1');
    await Promise.all([once(client, 'connect'), once(onward, 'connect')]);
    const connection = connectThrough({
      client,
      target: onward,
      toxic: () => null,
      random: () => 0,
      onBytes: () => undefined,
    });

    onward.end();
    connection.reset();

    await connection.ended;
    expect(onward.destroyed).toBe(true);
  });

  it('leaves nothing open when it is closed, also in the middle of a pause', async () => {
    const client = await aClient();
    await proxy.set({ kind: 'latency', ms: 3_600_000 });
    client.socket.write('go');
    await pause(50);

    await proxy.close();

    expect(await client.ended).toBe('ECONNRESET');
    expect(proxy.open()).toBe(0);
  });
});
