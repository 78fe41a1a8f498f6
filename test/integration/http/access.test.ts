import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
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
