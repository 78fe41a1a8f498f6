import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnCli } from '../support/running-stack.js';

const ITEMS_FAILED = 2;

describe('a command whose reader stops before its end, as head does', () => {
  let server: Server;
  beforeAll(async () => {
    const document = {
      ...{ id: 'abcdefghijkl', kind: 'video', state: 'success', finished: true },
      counts: { total: 20_000, open: 0, success: 0, skipped: 0, failed: 20_000 },
    };
    // Far more than a pipe holds.
    const videos = Array.from({ length: 20_000 }, (_, index) => ({ state: 'failed', externalId: `video-${index}` }));
    const status = { finished: true, state: 'success', id: 'abcdefghijkl', videos };
    server = createServer((request, response) => {
      response.end(JSON.stringify(request.url?.includes('/status') === true ? status : document));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });

  it('ends with the exit code of what it was asked, and without a word about the pipe', async () => {
    const child = spawnCli(['status', 'abcdefghijkl', '--json'], {
      ...process.env,
      DURABLE_IMPORT_API: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      DURABLE_IMPORT_TOKEN: 'token',
    });
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('The command has no pipes');
    const complaints = text(stderr);
    const ended = once(child, 'exit');

    await once(stdout, 'data');
    stdout.destroy();

    expect(await ended).toEqual([ITEMS_FAILED, null]);
    expect(await complaints).toBe('');
  }, 60_000);
});
