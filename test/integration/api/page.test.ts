import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gzipSync } from 'node:zlib';
import { request as ask } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadPage } from '../../../src/api/ui.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';

const INDEX = '<!doctype html><title>Page</title>';
const SCRIPT = 'export const answer = 42;';

describe('GET /ui', () => {
  let folder: string;
  let gateway: TestGateway;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'page-'));
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), INDEX);
    await writeFile(join(folder, 'assets/index-abc.js'), SCRIPT);
    await writeFile(join(folder, 'assets/index-abc.js.br'), brotliCompressSync(SCRIPT));
    await writeFile(join(folder, 'assets/index-abc.js.gz'), gzipSync(SCRIPT));
    const page = await loadPage(folder);
    gateway = await aGateway({ replace: () => ({ page }) });
  });
  afterAll(async () => {
    await gateway.close();
    await rm(folder, { recursive: true });
  });
  const get = (path: string, headers: Record<string, string> = {}) => ask(`${gateway.origin}${path}`, { headers });

  it('answers without a token, under the policy of the page', async () => {
    const { statusCode, headers, body } = await get('/ui/');
    expect([statusCode, await body.text()]).toEqual([200, INDEX]);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    });
  });

  it('answers the same document at every place of the page', async () => {
    for (const path of ['/ui/imports/abc', '/ui/media', '/ui/find?q=a']) {
      const { statusCode, body } = await get(path);
      expect([path, statusCode, await body.text()]).toEqual([path, 200, INDEX]);
    }
  });

  it('leads from /ui to /ui/', async () => {
    const { statusCode, headers, body } = await get('/ui');
    await body.dump();
    expect([statusCode, headers.location]).toEqual([308, '/ui/']);
  });

  it('keeps hashed files for good, and has none of another build', async () => {
    const { headers, body } = await get('/ui/assets/index-abc.js');
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(await body.text()).toBe(SCRIPT);
    const other = await get('/ui/assets/index-old.js');
    expect([other.statusCode, await other.body.json()]).toMatchObject([404, { status: 404 }]);
  });

  it('sends what was compressed at build time, with an ETag for each encoding', async () => {
    const plain = await get('/ui/assets/index-abc.js');
    await plain.body.dump();
    const packed = await get('/ui/assets/index-abc.js', { 'accept-encoding': 'gzip, br' });
    expect(packed.headers).toMatchObject({ 'content-encoding': 'br', vary: 'Accept-Encoding' });
    expect(brotliDecompressSync(Buffer.from(await packed.body.arrayBuffer())).toString()).toBe(SCRIPT);
    expect(packed.headers.etag).not.toBe(plain.headers.etag);
  });

  it('answers 304 to a browser that has the file', async () => {
    const first = await get('/ui/');
    await first.body.dump();
    const again = await get('/ui/', { 'if-none-match': String(first.headers.etag) });
    expect([again.statusCode, await again.body.text()]).toEqual([304, '']);
  });

  it('leads nowhere out of its folder', async () => {
    const { statusCode, body } = await get('/ui/..%2f..%2fpackage.json');
    expect([statusCode, await body.text()]).toEqual([200, INDEX]);
  });
});

describe('GET /ui of a service whose page was not built', () => {
  it('says how to build it', async () => {
    expect(await loadPage(join(tmpdir(), 'no-such-folder-of-a-page'))).toBeNull();
    const gateway = await aGateway();
    const { statusCode, body } = await ask(`${gateway.origin}/ui/`);
    expect([statusCode, await body.json()]).toMatchObject([
      404,
      { error_details: { page: 'The page is not built: run "npm run build", then start again' } },
    ]);
    await gateway.close();
  });
});
