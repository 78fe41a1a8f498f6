import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MongoNetworkError } from 'mongodb';
import { failDeadWrites, PATCHED_DRIVER } from '../../../src/store/connection.js';

interface DriverConnection {
  command(namespace: unknown, command: object, options: object): Promise<unknown>;
}
const load = createRequire(import.meta.url);
const { Connection } = load('mongodb/lib/cmap/connection.js') as {
  Connection: new (socket: Socket, options: object) => DriverConnection;
};
const { HostAddress, ns } = load('mongodb/lib/utils.js') as {
  HostAddress: { fromString(text: string): unknown };
  ns: (name: string) => unknown;
};

describe('a connection of the driver', () => {
  let server: Server;
  let socket: Socket;
  beforeEach(async () => {
    failDeadWrites(() => undefined);
    // Takes connections and never reads, so that a large write has to wait.
    server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
  });
  afterEach(() => {
    socket.destroy();
    server.close();
  });

  function send(command: object): Promise<unknown> {
    const connection = new Connection(socket, {
      id: 1,
      generation: 0,
      monitorCommands: false,
      hostAddress: HostAddress.fromString('127.0.0.1:1'),
    });
    return connection.command(ns('admin.$cmd'), command, {});
  }

  it('fails a command whose socket was destroyed a moment ago, instead of waiting forever', async () => {
    socket.destroy();

    await expect(send({ hello: 1 })).rejects.toBeInstanceOf(MongoNetworkError);
  });

  it('fails a command whose socket closes while a large write waits', async () => {
    const answer = send({ hello: 1, padding: 'x'.repeat(12 * 1024 * 1024) });
    setImmediate(() => socket.destroy());

    await expect(answer).rejects.toBeInstanceOf(MongoNetworkError);
  });

  it('tells of the network when the connection breaks while a large write waits', async () => {
    const answer = send({ hello: 1, padding: 'x'.repeat(12 * 1024 * 1024) });
    const reset = Object.assign(new Error('write ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'write' });
    setImmediate(() => socket.destroy(reset));

    await expect(answer).rejects.toMatchObject({ name: 'MongoNetworkError', cause: reset });
  });

  it('is patched once, however many stores are opened', () => {
    const { prototype } = (load('mongodb/lib/cmap/connection.js') as { Connection: { prototype: object } }).Connection;
    failDeadWrites(() => undefined);
    const first: unknown = Reflect.get(prototype, 'writeCommand');

    failDeadWrites(() => undefined);

    expect(Reflect.get(prototype, 'writeCommand')).toBe(first);
  });

  it('is of the version that the patch was written for', () => {
    const told: string[] = [];

    failDeadWrites((message) => told.push(message));

    // When this fails, the driver was upgraded: read its `writeCommand` anew, then change PATCHED_DRIVER or drop the patch.
    expect(told).toEqual([]);
  });

  it('is named with its version when it is another one than the patch was written for', () => {
    const writeCommand = () => Promise.resolve();
    const prototype = { writeCommand };
    const told: string[] = [];

    failDeadWrites((message) => told.push(message), { version: '8.0.0', Connection: { prototype } });

    expect(told).toEqual([
      `mongodb 8.0.0 is in use, the patch of its writes was made for ${PATCHED_DRIVER}: check src/store/connection.ts`,
    ]);
    expect(prototype.writeCommand).not.toBe(writeCommand);
  });

  it.each([
    ['has no such function', { version: '8.0.0', Connection: { prototype: {} } }],
    ['has no such file', { version: '8.0.0' }],
  ])('is left alone, and that is told, when it %s', (_, driver) => {
    const told: string[] = [];

    failDeadWrites((message) => told.push(message), driver);

    expect(told).toEqual([expect.stringContaining('mongodb 8.0.0 is not patched')]);
  });
});
