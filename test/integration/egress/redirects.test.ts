import { describe, expect, it } from '@jest/globals';
import { startCanary, type Canary } from '../../support/canary.js';
import { createFakeResolver } from '../../support/fake-resolver.js';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';

/** Redirects by path: /302?to=URL, /N to /N-1, /loop, /missing, /long; answers `arrived` everywhere else. */
async function startRedirector() {
  return closing(
    await startRawServer((socket, head) => {
      const [, method = '', target = '/'] = /^(\w+) (\S+)/.exec(head) ?? [];
      const [, status, to] = /^\/(30\d)\?to=(.*)$/.exec(target) ?? [];
      const count = /^\/([1-9]\d*)$/.exec(target)?.[1];
      const body = method === 'HEAD' ? '' : 'see there';
      if (status !== undefined)
        socket.write(httpAnswer(Number(status), { location: decodeURIComponent(to ?? '') }, body));
      else if (target === '/missing') socket.write(httpAnswer(302, {}, body));
      else if (target === '/loop') socket.write(httpAnswer(302, { location: '/loop' }, body));
      else if (target === '/long') socket.write(httpAnswer(302, { location: `/${'a'.repeat(9000)}` }, body));
      else if (count !== undefined) socket.write(httpAnswer(302, { location: `/${Number(count) - 1}` }, body));
      else socket.write(httpAnswer(200, {}, method === 'HEAD' ? '' : 'arrived'));
    }),
  );
}

function hop(origin: string, to: string, status = 302): string {
  return `${origin}/${status}?to=${encodeURIComponent(to)}`;
}

async function startForbidden(): Promise<Canary> {
  return closing(await startCanary());
}

describe('redirects through the door', () => {
  it.each([301, 302, 303, 307, 308])('follows a %i within the limit and reuses the connection', async (status) => {
    const redirector = await startRedirector();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`, { hostMaxConnections: 1 });

    const answer = await egress.request(aRequest(hop(redirector.origin, '/5', status), { maxRedirects: 6 }));

    expect([answer.status, await textOf(answer)]).toEqual([200, 'arrived']);
    expect(redirector.requests).toHaveLength(7);
    expect(redirector.connections()).toBe(1);
  });

  it('asks for what a Location in raw UTF-8 names, and for a posted URL, in the spelling of browsers', async () => {
    const redirector = await startRedirector();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`);

    const answer = await egress.request(aRequest(`  ${hop(redirector.origin, '/t/café 1.mp4')}&x=ü\u200b y `));

    expect(await textOf(answer)).toBe('arrived');
    expect(redirector.requests.map((head) => head.split('\r\n', 1)[0])).toEqual([
      'GET /302?to=%2Ft%2Fcaf%C3%A9%201.mp4&x=%C3%BC%E2%80%8B%20y HTTP/1.1',
      'GET /t/caf%C3%A9%201.mp4&x=%C3%BC%E2%80%8B%20y HTTP/1.1',
    ]);
  });

  it('follows HEAD with HEAD', async () => {
    const redirector = await startRedirector();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`);

    const answer = await egress.request(aRequest(`${redirector.origin}/1`, { method: 'HEAD' }));

    expect([answer.status, await textOf(answer)]).toEqual([200, '']);
    expect(redirector.requests.map((head) => head.slice(0, 6))).toEqual(['HEAD /', 'HEAD /']);
  });

  it.each([
    ['a literal loopback address', 'http://127.0.0.2/'],
    ['the allowed address on another port', 'http://127.0.0.1:CANARY/'],
    ['a forbidden address on the allowed port', 'http://127.0.0.2:ALLOWED/'],
    ['the metadata service', 'http://169.254.169.254/latest/meta-data/'],
    ['another scheme', 'file:///etc/passwd'],
    ['a protocol-relative loopback', '//127.0.0.2/'],
    ['a decimal loopback', 'http://2130706434/'],
    ['the IPv6 loopback', 'http://[::1]:CANARY/'],
    ['a local name', 'http://localhost:ALLOWED/'],
    ['a name and password', 'http://user:pw@127.0.0.1:ALLOWED/'],
    ['a backslash', '/\\127.0.0.2/'],
    ['a name that DNS gives away', 'http://inside.example/'],
    ['a name that DNS gives away, on the allowed port', 'http://inside.example:ALLOWED/'],
  ])('refuses a redirect to %s', async (_where, location) => {
    const redirector = await startRedirector();
    const canary = await startForbidden();
    const { lookup } = createFakeResolver({ 'inside.example': ['127.0.0.2'] });
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`, { lookup });
    const to = location.replace('CANARY', String(canary.port)).replace('ALLOWED', String(redirector.port));

    await expect(egress.request(aRequest(hop(redirector.origin, to)))).rejects.toMatchObject({
      code: 'redirect_refused',
      retryable: false,
    });
    expect(canary.connections).toEqual([]);
    expect(redirector.requests).toHaveLength(1);
  });

  it('tells an unknown name behind a redirect as such', async () => {
    const redirector = await startRedirector();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`);

    await expect(egress.request(aRequest(hop(redirector.origin, 'http://gone.example/')))).rejects.toMatchObject({
      code: 'dns_failed',
    });
  });

  it.each([
    ['a loop', '/loop', 'The source redirects more than 5 times'],
    ['a chain of 6', '/6', 'The source redirects more than 5 times'],
    ['a missing target', '/missing', 'The redirect names no single target'],
    ['a target of 9 KB', '/long', 'The target of the redirect is longer than 8192 bytes'],
  ])('refuses %s', async (_what, path, message) => {
    const redirector = await startRedirector();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`);

    await expect(egress.request(aRequest(`${redirector.origin}${path}`))).rejects.toMatchObject({
      code: 'redirect_refused',
      message,
      details: { stage: 'headers', httpStatus: 302 },
    });
  });

  it.each([301, 302, 303, 307, 308])('answers a %i to a webhook instead of following it', async (status) => {
    const redirector = await startRedirector();
    const canary = await startForbidden();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`);
    const webhook = aRequest(hop(redirector.origin, `http://127.0.0.1:${canary.port}/`, status), {
      method: 'POST',
      body: '{}',
      maxRedirects: 0,
    });

    const answer = await egress.request(webhook);

    expect([answer.status, await textOf(answer)]).toEqual([status, 'see there']);
    expect(canary.connections).toEqual([]);
  });

  it('does not follow a POST even when redirects are allowed', async () => {
    const redirector = await startRedirector();
    const egress = openEgress(`127.0.0.1/32:${redirector.port}`);

    await expect(
      egress.request(aRequest(`${redirector.origin}/1`, { method: 'POST', body: '{}' })),
    ).rejects.toMatchObject({ code: 'redirect_refused', message: 'Only GET and HEAD requests follow redirects' });
  });

  it('takes credentials along within an origin and drops them on the way to another', async () => {
    const redirector = await startRedirector();
    const other = closing(await startRawServer((socket) => socket.write(httpAnswer(200, {}, 'other'))));
    const egress = openEgress(`127.0.0.1/32:${redirector.port},127.0.0.1/32:${other.port}`);
    const headers = { Authorization: 'Bearer secret', Cookie: 'a=b', accept: '*/*' };

    await textOf(await egress.request(aRequest(`${redirector.origin}/1`, { headers })));
    await textOf(await egress.request(aRequest(hop(redirector.origin, `${other.origin}/`), { headers })));

    expect(redirector.requests.every((head) => head.includes('Bearer secret'))).toBe(true);
    expect(redirector.requests).toHaveLength(3);
    expect(other.requests[0]).toContain('accept: */*');
    expect(other.requests[0]).not.toMatch(/secret|cookie/i);
  });

  it('does not wait for the endless body of a redirect', async () => {
    const dripping = closing(
      await startRawServer((socket, head) => {
        if (head.startsWith('GET /end')) socket.end(httpAnswer(200, { connection: 'close' }, 'arrived'));
        else socket.write('HTTP/1.1 302 X\r\nlocation: /end\r\ncontent-length: 1000\r\n\r\nx');
      }),
    );
    const egress = openEgress(`127.0.0.1/32:${dripping.port}`, { hostMaxConnections: 1 });

    const answer = await egress.request(aRequest(dripping.origin));

    expect(await textOf(answer)).toBe('arrived');
  });
});
