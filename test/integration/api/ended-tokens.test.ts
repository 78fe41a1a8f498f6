import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { aGateway, aToken, type TestGateway } from '../../support/gateway.js';
import { anItem } from '../../support/import-builders.js';
import { ndjson, openPost } from '../../support/posted-lines.js';

const VIDEOS = '/api/v1/import/videos';
/** More than any test takes. */
const LATER = () => new Date(Date.now() + 3_600_000);

describe('a stream of lines whose token ends while it is sent', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  const begin = async (token: string, headers: Record<string, string> = {}) => {
    const type = { 'content-type': 'application/x-ndjson', authorization: `Bearer ${token}` };
    const post = openPost(`${gateway.origin}${VIDEOS}`, { ...type, ...headers });
    await post.send(ndjson([anItem('a')]));
    await eventually('a batch that is being stored', async () => {
      return (await gateway.store.batches.findHalfStored(LATER(), 1)).length === 1;
    });
    return post;
  };
  const expectNothingLeft = async () => {
    expect(await gateway.store.batches.findHalfStored(LATER(), 10)).toEqual([]);
    expect(await gateway.store.batches.findUnstarted(LATER(), 10)).toEqual([]);
    expect(gateway.workflows.started).toEqual([]);
  };

  it('is refused when the token was revoked, and leaves nothing', async () => {
    const jti = randomUUID();
    const post = await begin(await aToken({ jti }));
    await gateway.store.tokens.revoke(jti, new Date());

    expect(await post.answer()).toMatchObject({
      status: 401,
      body: { error_details: { access_token: 'The access token is revoked' } },
    });
    await expectNothingLeft();
  });

  it('is refused when the token has expired, and leaves nothing', async () => {
    const exp = Math.ceil(Date.now() / 1000) + 4;
    const post = await begin(await aToken({ exp }));
    await eventually('a token that has expired', () => Date.now() / 1000 > exp);

    expect(await post.answer()).toMatchObject({
      status: 401,
      body: { error_details: { access_token: 'The access token expired.' } },
    });
    await expectNothingLeft();
  });

  it('frees its Idempotency-Key', async () => {
    const jti = randomUUID();
    const key = { 'idempotency-key': 'ended' };
    const post = await begin(await aToken({ jti }), key);
    await gateway.store.tokens.revoke(jti, new Date());
    expect((await post.answer()).status).toBe(401);

    const headers = { 'content-type': 'application/x-ndjson', ...key };
    expect((await gateway.client.post(VIDEOS, ndjson([anItem('b')]), { headers })).status).toBe(200);
  });
});
