import { describe, expect, it } from '@jest/globals';
import { createFakeResolver } from '../../support/fake-resolver.js';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';

const [SHOP, CDN, OTHER] = ['www.shop.example', 'cdn.shop.example', 'other.example'] as const;

/** Answers by path: `steps` names what each sets and where it leads, by host and path; all else is the file. */
async function startShop(steps: (at: (host: string) => string) => Record<string, { set?: string[]; to: string }>) {
  let origin = '';
  const at = (host: string) => origin.replace('127.0.0.1', host);
  const server = closing(
    await startRawServer((socket, head) => {
      const [, path = '/'] = /^\w+ (\S+)/.exec(head) ?? [];
      const step = steps(at)[path];
      if (step === undefined) socket.write(httpAnswer(200, {}, 'the file'));
      else {
        const lines = (step.set ?? []).map((line) => `Set-Cookie: ${line}\r\n`).join('');
        socket.write(`HTTP/1.1 302 X\r\ncontent-length: 0\r\nlocation: ${step.to}\r\n${lines}\r\n`);
      }
    }),
  );
  ({ origin } = server);
  const { lookup } = createFakeResolver({ [SHOP]: ['127.0.0.1'], [CDN]: ['127.0.0.1'], [OTHER]: ['127.0.0.1'] });
  const egress = openEgress(`127.0.0.1/32:${server.port}`, { lookup });
  return {
    egress,
    at,
    /** What each request said: path, and cookies if any. */
    seen: () =>
      server.requests.map((head) =>
        [/^\w+ (\S+)/.exec(head)?.[1], /^cookie: (.*)$/im.exec(head)?.[1]].filter((part) => part !== undefined),
      ),
  };
}

describe('cookies between the hops of one request', () => {
  it('are sent to the next hop of the host that has set them', async () => {
    const { egress, at, seen } = await startShop(() => ({
      '/start': { set: ['session=s1; Path=/; HttpOnly', 'seen=1'], to: '/file' },
    }));
    expect(await textOf(await egress.request(aRequest(`${at(SHOP)}/start`)))).toBe('the file');
    expect(seen()).toEqual([['/start'], ['/file', 'session=s1; seen=1']]);
  });

  it('let a source find out by a redirect to itself whether cookies work', async () => {
    let asked = 0;
    const server = closing(
      await startRawServer((socket, head) => {
        asked += 1;
        const answer = /^cookie: ok=1$/im.test(head)
          ? httpAnswer(200, {}, 'the file')
          : httpAnswer(302, { location: '/', 'set-cookie': 'ok=1' });
        socket.write(answer);
      }),
    );
    const egress = openEgress(`127.0.0.1/32:${server.port}`);
    expect(await textOf(await egress.request(aRequest(`${server.origin}/`)))).toBe('the file');
    expect(asked).toBe(2);
  });

  it('stay with their site on a way over others, and come back to it', async () => {
    const { egress, at, seen } = await startShop((host) => ({
      '/start': { set: ['mine=1; Path=/', 'ours=1; Path=/; Domain=shop.example'], to: `${host(OTHER)}/login` },
      '/login': { set: ['other=1; Path=/', 'forged=1; Domain=shop.example'], to: `${host(CDN)}/cdn` },
      '/cdn': { to: `${host(SHOP)}/file` },
    }));
    await textOf(await egress.request(aRequest(`${at(SHOP)}/start`)));
    expect(seen()).toEqual([['/start'], ['/login'], ['/cdn', 'ours=1'], ['/file', 'mine=1; ours=1']]);
  });

  it('end with the request: the next one to the same host has none', async () => {
    const { egress, at, seen } = await startShop(() => ({
      '/start': { set: ['a=1; Path=/; Max-Age=999'], to: '/file' },
    }));
    await textOf(await egress.request(aRequest(`${at(SHOP)}/start`)));
    await textOf(await egress.request(aRequest(`${at(SHOP)}/start`)));
    await textOf(await egress.request(aRequest(`${at(SHOP)}/file`)));
    expect(seen()).toEqual([['/start'], ['/file', 'a=1'], ['/start'], ['/file', 'a=1'], ['/file']]);
  });

  it('are not taken from an answer that is not followed', async () => {
    const { egress, at, seen } = await startShop(() => ({ '/start': { set: ['a=1; Path=/'], to: '/file' } }));
    const answer = await egress.request(aRequest(`${at(SHOP)}/start`, { maxRedirects: 0 }));
    expect([answer.status, await textOf(answer)]).toEqual([302, '']);
    expect(seen()).toEqual([['/start']]);
  });

  it('do not make a redirect loop go on for longer', async () => {
    const { egress, at, seen } = await startShop(() => ({ '/start': { set: ['a=1'], to: '/start' } }));
    await expect(egress.request(aRequest(`${at(SHOP)}/start`, { maxRedirects: 3 }))).rejects.toMatchObject({
      code: 'redirect_refused',
    });
    expect(seen()).toHaveLength(4);
  });

  it('keep all other headers of the request with it, such as a range and its condition', async () => {
    const server = closing(
      await startRawServer((socket, head) => {
        socket.write(
          head.startsWith('GET /start')
            ? httpAnswer(302, { location: '/file', 'set-cookie': 'a=1' })
            : httpAnswer(200, {}, 'x'),
        );
      }),
    );
    const egress = openEgress(`127.0.0.1/32:${server.port}`);
    const headers = { range: 'bytes=5-', 'if-range': '"v1"' };
    await textOf(await egress.request(aRequest(`${server.origin}/start`, { headers })));
    expect(server.requests.at(-1)).toMatch(/^range: bytes=5-\r\nif-range: "v1"\r\ncookie: a=1$/m);
  });

  it.each(['a=\u0000b', 'a=\u007f', 'caf\u00e9=\u00ff', '=', 'a', ';', ' ', `a=${'x'.repeat(9000)}`])(
    'that are odd (%j) do not fail the request',
    async (line) => {
      const { egress, at } = await startShop(() => ({ '/start': { set: [line], to: '/file' } }));
      expect(await textOf(await egress.request(aRequest(`${at(SHOP)}/start`)))).toBe('the file');
    },
  );
});
