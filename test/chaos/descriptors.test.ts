import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { descriptorsOf, leaks, type Descriptors } from './checker/descriptors.js';

describe('the descriptors of a process', () => {
  it('name the ports at the other end of its sockets and the files that it holds', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'durable-import-fd-'));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const file = await open(join(folder, 'part'), 'w');

    const held = await descriptorsOf(process.pid);

    // Only Linux tells.
    const isTold = process.platform === 'linux';
    expect(held?.sockets.get(port)).toBe(isTold ? 2 : undefined);
    expect(held?.files.includes(join(folder, 'part'))).toBe(isTold ? true : undefined);
    await file.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const fresh: Descriptors = { sockets: new Map([[0, 3]]), files: ['/log'], others: 10 };
  const limits = { name: 'worker-1', fresh, foreign: [8001], mongodb: 27017, blobs: '/data/blobs' };

  it('are no leak when a pool has grown and a connection was made anew', () => {
    const worn = {
      sockets: new Map([
        [0, 3],
        [27017, 50],
        [7233, 2],
      ]),
      files: ['/log'],
      others: 12,
    };

    expect(leaks({ ...limits, worn })).toEqual([]);
  });

  it.each([
    ['a socket to a source', { ...fresh, sockets: new Map([[8001, 1]]) }, 'worker-1 holds 1 sockets to port 8001'],
    ['more than the pool', { ...fresh, sockets: new Map([[27017, 200]]) }, 'worker-1 holds 200 sockets to MongoDB'],
    [
      'many sockets',
      { ...fresh, sockets: new Map([[7233, 40]]) },
      'worker-1 holds 40 other sockets, 3 when it was new',
    ],
    [
      'a body that arrives no more',
      { ...fresh, files: ['/log', '/data/blobs/parts/x'] },
      'worker-1 holds 1 files of the blob store open',
    ],
    [
      'many files',
      { ...fresh, files: Array.from({ length: 20 }, () => '/x') },
      'worker-1 holds 20 files, 1 when it was new',
    ],
    ['many pipes', { ...fresh, others: 40 }, 'worker-1 holds 40 pipes and the like, 10 when it was new'],
  ])('are a leak when it holds %s', (_what, worn, sentence) => {
    expect(leaks({ ...limits, worn })).toEqual([sentence]);
  });
});
