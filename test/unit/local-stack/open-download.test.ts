import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { downloadChecked, downloadSum, openDownload } from '../../../src/local-stack/download.js';

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
  });

  it('gives up on a site that never answers', async () => {
    const url = await serve(() => undefined);
    await expect(openDownload(url, 200)).rejects.toThrow('The site was not reached within 0.2 s');
  });
});

describe('downloadChecked', () => {
  const bytes = Buffer.alloc(300_000, 'archive');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'download-checked-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('keeps a file with the SHA-256 that is known', async () => {
    const url = await serve((_request, response) => response.end(bytes));
    const file = join(folder, 'archive');

    await downloadChecked(url, file, sha256);

    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('leaves no file with another one, and names both', async () => {
    const url = await serve((_request, response) => response.end(Buffer.concat([bytes, Buffer.from('!')])));
    const file = join(folder, 'archive');

    await expect(downloadChecked(url, file, sha256)).rejects.toThrow(`instead of ${sha256}, so it is not used`);
    expect(existsSync(file)).toBe(false);
  });
});

describe('downloadSum', () => {
  const sha256 = createHash('sha256').update('archive').digest('hex');

  it('reads the sum that stands before the name of the file', async () => {
    const url = await serve((_request, response) => response.end(`${sha256.toUpperCase()}  archive.tgz\n`));
    expect(await downloadSum(url)).toBe(sha256);
  });

  it.each([
    ['a page', '<html>Not found</html>'],
    ['an MD5', 'd41d8cd98f00b204e9800998ecf8427e  archive.tgz'],
    ['a longer sum', `${sha256}${sha256}`],
    ['nothing', ''],
  ])('takes %s for no sum', async (_what, content) => {
    const url = await serve((_request, response) => response.end(content));
    await expect(downloadSum(url)).rejects.toThrow('its download site tells no SHA-256 for the archive');
  });

  it('reads no further than a sum may be long', async () => {
    const url = await serve((_request, response) => {
      response.write('x'.repeat(10_000));
      // The answer never ends.
    });
    await expect(downloadSum(url)).rejects.toThrow('tells no SHA-256');
  });
});
