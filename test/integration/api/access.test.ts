import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { eventually } from '../../support/eventually.js';
import { aGateway, aToken, TOKEN_SECRET, type TestGateway } from '../../support/gateway.js';
import { createHttpClient } from '../../support/http-client.js';

const STATUS = '/api/v1/import/videos/status?id=abc';

describe('access to the API', () => {
  let gateway: TestGateway;
  const others: TestGateway[] = [];
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(async () => {
    await Promise.all([gateway, ...others].map((each) => each.close()));
  });

  const withToken = (token: string, on = gateway) => createHttpClient(on.origin, token).get(STATUS);
  const unauthorized = (sentence: string) => ({
    status: 401,
    error: 'Unauthorized',
    error_details: { access_token: sentence },
  });
  const seconds = () => Math.floor(Date.now() / 1000);

  it('demands a token', async () => {
    const answer = await gateway.client.call('GET', STATUS);

    expect(answer.body).toEqual(unauthorized('The access token is missing'));
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it.each([
    ['text', () => 'nonsense', 'The access token is malformed'],
    [
      'a signature of another secret',
      () => aToken({}, 'another secret of at least 32 bytes!'),
      'The access token is malformed: it is not signed with TOKEN_SECRET of this service (HS256)',
    ],
    ['an expired one', () => aToken({ exp: seconds() - 1 }), 'The access token expired.'],
    [
      'one that never expires',
      () => aToken({}, TOKEN_SECRET, null),
      'The access token is malformed: exp is not accepted',
    ],
    [
      'one that is not valid yet',
      () => aToken({ nbf: seconds() + 60 }),
      'The access token is malformed: nbf is not accepted',
    ],
    [
      'a project id with a slash',
      () => aToken({ projectId: 'p/1' }),
      'The access token is malformed: projectId must have 1 to 64 letters, digits, _ or -',
    ],
    [
      'no project id',
      () => aToken({ projectId: null }),
      'The access token is malformed: projectId must have 1 to 64 letters, digits, _ or -',
    ],
    ...[-1, 0.5, 2 ** 53, 2 ** 53 + 2, 1e21].map((projectId): [string, () => Promise<string>, string] => [
      `the number ${projectId} as project id`,
      () => aToken({ projectId }),
      'The access token is malformed: projectId must have 1 to 64 letters, digits, _ or -',
    ]),
    ['no jti', () => aToken({ jti: '' }), 'The access token is malformed: jti is missing'],
    [
      'no signature at all',
      () => `${btoa('{"alg":"none"}')}.${btoa('{"projectId":"p1"}')}.`,
      'The access token is malformed: it is not signed with TOKEN_SECRET of this service (HS256)',
    ],
  ])('refuses %s', async (_name, make, sentence) => {
    const answer = await withToken(await make());

    expect(answer.body).toEqual(unauthorized(sentence));
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", error_description="${sentence}"`,
    );
  });

  it.each([0, 7, 2 ** 53 - 1])('takes %d as project id', async (projectId) => {
    expect((await withToken(await aToken({ projectId }))).status).toBe(404);
  });

  it('refuses another scheme than Bearer', async () => {
    const answer = await gateway.client.call('GET', STATUS, { headers: { authorization: 'Basic eDp5' } });

    expect(answer.body).toEqual(unauthorized('The access token is malformed'));
  });

  it('refuses a revoked token', async () => {
    const token = await aToken({ jti: 'revoked-one' });
    expect((await withToken(token)).status).toBe(404);

    await gateway.store.tokens.revoke('revoked-one', new Date());

    expect((await withToken(token)).body).toEqual(unauthorized('The access token is revoked'));
  });

  it('demands the scope for reading the status too', async () => {
    const reader = await gateway.clientOf({ scope: 'public-api:read other' });

    const answer = await reader.get(STATUS);

    expect(answer.body).toEqual({
      status: 403,
      error: 'Forbidden',
      error_details: {
        access_token: 'The request requires higher privileges',
        scope: 'Lacks public-api:write',
      },
    });
    expect((await (await gateway.clientOf({ scope: 'a public-api:write' })).get(STATUS)).status).toBe(404);
  });

  it('checks issuer and audience when they are set', async () => {
    const tokens = { keys: { secret: TOKEN_SECRET }, issuer: 'me', audience: 'imports' };
    const strict = await aGateway({ settings: { tokens } });
    others.push(strict);

    expect((await withToken(await aToken(), strict)).status).toBe(401);
    expect((await withToken(await aToken({ iss: 'me', aud: 'imports' }), strict)).status).toBe(404);
  });

  it('takes tokens of a key set and no others', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
    const federated = await aGateway({ settings: { tokens: { keys: { jwks: { keys: [jwk] } } } } });
    others.push(federated);
    const signed = (key: typeof privateKey, kid: string) =>
      new SignJWT({ projectId: 'p1', scope: 'public-api:write', jti: 'j' })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setExpirationTime('1h')
        .sign(key);

    expect((await withToken(await signed(privateKey, 'k1'), federated)).status).toBe(404);
    const foreign = unauthorized(
      'The access token is malformed: it is not signed with a key of the key set of this service (TOKEN_JWKS_FILE)',
    );
    expect((await withToken(await aToken(), federated)).body).toEqual(foreign);
    const { privateKey: other } = await generateKeyPair('ES256');
    expect((await withToken(await signed(other, 'k1'), federated)).body).toEqual(foreign);
    expect((await withToken(await signed(privateKey, 'k2'), federated)).body).toEqual(foreign);
  });

  it('tries every key that suits a token without kid', async () => {
    const pairs = await Promise.all([1, 2, 3].map(() => generateKeyPair('ES256', { extractable: true })));
    const jwks = await Promise.all(pairs.map(({ publicKey }) => exportJWK(publicKey)));
    const federated = await aGateway({ settings: { tokens: { keys: { jwks: { keys: jwks.slice(0, 2) } } } } });
    others.push(federated);
    const tokens = await Promise.all(
      pairs.map(({ privateKey }) =>
        new SignJWT({ projectId: 'p1', scope: 'public-api:write', jti: 'j' })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('1h')
          .sign(privateKey),
      ),
    );

    const answers = await Promise.all(tokens.map((token) => withToken(token, federated)));

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 401]);
  });

  it('limits the requests of one token and says so', async () => {
    const limited = await aGateway({ settings: { rateLimit: { points: 2, windowMs: 60_000 } } });
    others.push(limited);

    const [first, , third] = [
      await limited.client.get(STATUS),
      await limited.client.get(STATUS),
      await limited.client.get(STATUS),
    ];

    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=2;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=1;t=\d+$/);
    expect(third.status).toBe(429);
    expect(third.body).toEqual({
      status: 429,
      error: 'Too Many Requests',
      error_details: { message: 'More than 2 requests in 60 seconds' },
    });
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await (await limited.clientOf({})).get(STATUS)).status).toBe(404);
  });

  it('limits the requests of one project over all of its tokens', async () => {
    const limited = await aGateway({
      settings: { rateLimit: { points: 10, windowMs: 60_000 }, projectRateLimit: { points: 3, windowMs: 60_000 } },
    });
    others.push(limited);
    const ask = async (projectId: string) => (await limited.clientOf({ projectId })).get(STATUS);

    const first = await ask('p1');
    const rest = [await ask('p1'), await ask('p1'), await ask('p1')];

    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=10;w=60, "project";q=3;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=9;t=\d+, "project";r=2;t=\d+$/);
    expect(rest.map(({ status }) => status)).toEqual([404, 404, 429]);
    expect(rest[2]?.body).toMatchObject({
      error_details: { message: 'More than 3 requests of the project in 60 seconds' },
    });
    expect(Number(rest[2]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask('p2')).status).toBe(404);
  });

  it.each([
    ['plain', () => Buffer.alloc(3 * 1024 ** 2, ' '), {}],
    // Half of it once it is packed.
    ['packed', () => gzipSync(`"${randomBytes(325 * 1024).toString('hex')}"`), { 'content-encoding': 'gzip' }],
  ])('counts a %s body by its bytes', async (_name, body, headers) => {
    const limited = await aGateway({ settings: { rateLimit: { points: 5, windowMs: 60_000 } } });
    others.push(limited);

    // Neither is an import; a refused body costs what it took to read it.
    const posted = await limited.client.post('/api/v1/import/files', body(), { headers });
    const next = await limited.client.get(STATUS);

    expect(posted.status).toBe(400);
    expect(posted.headers.get('ratelimit')).toMatch(/^"default";r=4;/);
    expect(next.headers.get('ratelimit')).toMatch(/^"default";r=0;/);
    expect((await limited.client.get(STATUS)).status).toBe(429);
  });

  it('has so many requests of a project under way at a time, and lets further ones wait or come back', async () => {
    let [under, most] = [0, 0];
    const finish = new EventEmitter();
    const limited = await aGateway({
      settings: { maxProjectRequests: 2 },
      replace: ({ store }) => ({
        store: {
          ...store,
          batches: {
            ...store.batches,
            find: async (projectId, id) => {
              if (projectId !== 'p1') return null;
              under += 1;
              most = Math.max(most, under);
              await once(finish, 'finish');
              under -= 1;
              return store.batches.find(projectId, id);
            },
          },
        },
      }),
    });
    others.push(limited);
    const asked = Array.from({ length: 5 }, () => limited.client.get(STATUS));
    await eventually('as many requests as there may be', () => under === 2);
    const stranger = await limited.clientOf({ projectId: 'p2' });

    // Not held up by the others; they have waited in vain for 2 s meanwhile.
    expect((await stranger.get(STATUS)).status).toBe(404);
    const refused = await limited.client.get(STATUS);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.body).toMatchObject({
      error_details: { message: 'More than 2 requests of the project are under way' },
    });
    finish.emit('finish');
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();

    expect(statuses).toEqual([404, 404, 429, 429, 429]);
    expect(most).toBe(2);
    // Places are free again.
    const again = limited.client.get(STATUS);
    await eventually('another request', () => under === 1);
    finish.emit('finish');
    expect((await again).status).toBe(404);
  });

  it('asks for the body of a client that waits for that only when its token is good', async () => {
    const expecting = async (token: string) => {
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        expect: '100-continue',
        'content-length': 2,
      };
      const post = request(`${gateway.origin}/api/v1/import/files`, { method: 'POST', headers });
      let isAsked = false;
      post.on('continue', () => {
        isAsked = true;
        post.end('{}');
      });
      post.flushHeaders();
      const [response] = (await once(post, 'response')) as [IncomingMessage];
      response.resume();
      post.destroy();
      return { isAsked, status: response.statusCode };
    };

    expect(await expecting(gateway.client.token)).toEqual({ isAsked: true, status: 400 });
    expect(await expecting('nonsense')).toEqual({ isAsked: false, status: 401 });
    expect(await expecting(await aToken({ scope: 'public-api:read' }))).toEqual({ isAsked: false, status: 403 });
  });

  it.each(['a\x9bb', 'a\u00ff', 'a"b', '<b>', 'x'.repeat(129)])(
    'never gives the request id %j back, nor logs it',
    async (id) => {
      const answer = await gateway.client.get(STATUS, { headers: { 'x-request-id': id } });

      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it.each([
    [
      'a version that was withdrawn',
      'POST',
      '/api/2025-03/import/videos',
      410,
      { api_version: 'The API version 2025-03 is not available anymore' },
    ],
    ['a version that never was', 'POST', '/api/2025-04/import/videos', 404, { url: '/api/2025-04/import/videos' }],
    [
      'a version that was withdrawn, by another method',
      'GET',
      '/api/2025-03/import/videos',
      410,
      { api_version: 'The API version 2025-03 is not available anymore' },
    ],
    [
      'a version that never was, by another method',
      'GET',
      '/api/v2/import/videos',
      404,
      { url: '/api/v2/import/videos' },
    ],
    ['a route that no version has', 'DELETE', '/api/2025-03/foo', 404, { url: '/api/2025-03/foo' }],
    ['an unknown route', 'GET', '/api/v1/foo?token=x', 404, { url: '/api/v1/foo' }],
    ['an unknown kind', 'POST', '/api/v1/import/documents', 404, { url: '/api/v1/import/documents' }],
    ['another method', 'GET', '/api/v1/import/videos', 405, { method: 'GET is not allowed here, POST is' }],
    [
      'a path that cannot be decoded',
      'GET',
      '/api/v1/imports/%zz%',
      401,
      { access_token: 'The access token is missing' },
    ],
  ])('answers %s', async (_name, method, path, status, details) => {
    const answer = await gateway.client.call(method, path);

    expect(answer.status).toBe(status);
    expect((answer.body as { error_details: object }).error_details).toEqual(details);
  });

  it('puts a request id and security headers on every answer', async () => {
    const own = await gateway.client.get(STATUS, { headers: { 'x-request-id': 'mine-1' } });
    const insane = await gateway.client.get('/nowhere', { headers: { 'x-request-id': 'a b' } });

    expect(own.headers.get('x-request-id')).toBe('mine-1');
    expect(insane.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(insane.headers.get('x-content-type-options')).toBe('nosniff');
    expect(insane.headers.get('cache-control')).toBe('no-store');
    expect(insane.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('says nothing but the request id when something unforeseen happens', async () => {
    const broken = await aGateway({
      replace: ({ store }) => ({
        store: { ...store, batches: { ...store.batches, find: () => Promise.reject(new Error('secret')) } },
      }),
    });
    others.push(broken);

    const answer = await broken.client.get(STATUS, { headers: { 'x-request-id': 'r-1' } });

    expect(answer.body).toEqual({ status: 500, error: 'Internal Server Error', error_details: { request_id: 'r-1' } });
  });

  it('calls an unreachable MongoDB a 503', async () => {
    const outage = Object.assign(new Error('127.0.0.1:27017'), { name: 'MongoServerSelectionError' });
    const broken = await aGateway({
      replace: ({ store }) => ({
        store: { ...store, tokens: { ...store.tokens, isRevoked: () => Promise.reject(outage) } },
      }),
    });
    others.push(broken);

    const answer = await broken.client.get(STATUS);

    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(answer.text).not.toContain('27017');
  });
});
