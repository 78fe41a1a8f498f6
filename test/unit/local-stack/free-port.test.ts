import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { anyFreePort, freePort, isPortFree, requireFreePort } from '../../../src/local-stack/ports.js';

const servers: Server[] = [];

async function occupy(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

describe('freePort', () => {
  it('gives the port that was asked for when nothing listens there', async () => {
    const port = await anyFreePort();
    expect(await freePort(port)).toBe(port);
  });

  it('gives a later one when something listens there', async () => {
    const port = await anyFreePort();
    await occupy(port);
    const other = await freePort(port);
    expect(other).toBeGreaterThan(port);
    expect(await isPortFree(other)).toBe(true);
  });

  it('passes over ports that are promised to someone else', async () => {
    const port = await anyFreePort();
    expect(await freePort(port, [port])).toBeGreaterThan(port);
  });
});

describe('requireFreePort', () => {
  it('names the port and the setting when something listens there', async () => {
    const port = await anyFreePort();
    await occupy(port);
    await expect(requireFreePort(port, 'PORT')).rejects.toThrow(`Port ${port} is in use; choose another with PORT`);
  });

  it('accepts a free one', async () => {
    await expect(requireFreePort(await anyFreePort(), 'PORT')).resolves.toBeUndefined();
  });
});
