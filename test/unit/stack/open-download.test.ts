import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isReachable, openDownload } from '../../../src/stack/open-download.js';

let server: Server;

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('openDownload', () => {
  it('follows redirects to the file', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/file') response.end('bytes');
      else response.writeHead(302, { location: '/file' }).end();
    });
    expect(await text(await openDownload(`${url}/latest`))).toBe('bytes');
  });

  it('refuses an answer that is not the file', async () => {
    const url = await serve((_request, response) => response.writeHead(403).end());
    await expect(openDownload(url)).rejects.toThrow('The site answered with status 403');
    expect(await isReachable(url)).toBe(false);
  });

  it('gives up on a site that never answers', async () => {
    const url = await serve(() => undefined);
    await expect(openDownload(url, 200)).rejects.toThrow('The site was not reached within 0.2 s');
  });
});
