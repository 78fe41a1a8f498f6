import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { IdempotencyKeyStore } from '../../../src/store/store.js';
import { aProjectId } from '../../support/builders.js';
import { createStore } from '../../../src/store/open-store.js';
import { aTestStore, type TestStore } from '../../support/store.js';

const LEASE_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

let test: TestStore;
let keys: IdempotencyKeyStore;

beforeAll(async () => {
  test = await aTestStore();
  keys = test.store.idempotencyKeys;
});
afterAll(() => test.close());

describe('idempotency keys', () => {
  it('let the first POST go on and hold back the same one meanwhile', async () => {
    const projectId = aProjectId();

    await expect(keys.claim(projectId, 'k', 'hash', 'one')).resolves.toEqual({ outcome: 'new' });
    await expect(keys.claim(projectId, 'k', 'hash', 'two')).resolves.toEqual({ outcome: 'busy', bodyHash: 'hash' });
  });

  it('answer a completed POST again with its batch', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');
    await keys.complete(projectId, 'k', 'one');

    const complete = { outcome: 'complete', batchId: 'one', bodyHash: 'hash' };
    await expect(keys.claim(projectId, 'k', 'hash', 'two')).resolves.toEqual(complete);
  });

  it('tell the body of the first POST, while it runs, after it, and after it died', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'running', 'hash', 'one');
    await keys.claim(projectId, 'done', 'hash', 'one');
    await keys.complete(projectId, 'done', 'one');
    const complete = { outcome: 'complete', batchId: 'one', bodyHash: 'hash' };

    const busy = { outcome: 'busy', bodyHash: 'hash' };
    await expect(keys.claim(projectId, 'running', 'other', 'two')).resolves.toEqual(busy);
    await expect(keys.claim(projectId, 'done', 'other', 'two')).resolves.toEqual(complete);
    test.advance(LEASE_MS);
    const lapsed = { outcome: 'lapsed', batchId: 'one', bodyHash: 'hash' };
    await expect(keys.claim(projectId, 'running', 'other', 'two')).resolves.toEqual(lapsed);
    await expect(keys.claim(projectId, 'done', 'other', 'two')).resolves.toEqual(complete);
  });

  it('tell no body before it was read, and then the one that it was sealed with', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', null, 'one');

    await expect(keys.claim(projectId, 'k', null, 'two')).resolves.toEqual({ outcome: 'busy', bodyHash: null });
    await expect(keys.seal(projectId, 'k', 'one', 'hash')).resolves.toBe(true);
    await expect(keys.claim(projectId, 'k', null, 'two')).resolves.toEqual({ outcome: 'busy', bodyHash: 'hash' });
  });

  it('are free again for any body when a lapsed claim is released, not one that another POST has made meanwhile', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'dead', 'hash', 'one');
    await keys.claim(projectId, 'alive', 'hash', 'one');
    test.advance(LEASE_MS);
    await keys.renew(projectId, 'alive', 'one');

    await keys.releaseLapsed(projectId, 'dead', 'one');
    await keys.releaseLapsed(projectId, 'alive', 'one');

    await expect(keys.claim(projectId, 'dead', 'other', 'two')).resolves.toEqual({ outcome: 'new' });
    await expect(keys.claim(projectId, 'alive', 'hash', 'two')).resolves.toEqual({ outcome: 'busy', bodyHash: 'hash' });
  });

  it('are neither completed, sealed, renewed nor released by a POST that lost them to another one', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'slow');
    test.advance(LEASE_MS);
    await keys.releaseLapsed(projectId, 'k', 'slow');
    await keys.claim(projectId, 'k', 'hash', 'quick');

    await expect(keys.seal(projectId, 'k', 'slow', 'hash')).resolves.toBe(false);
    await keys.complete(projectId, 'k', 'slow');
    await expect(keys.claim(projectId, 'k', 'hash', 'third')).resolves.toEqual({ outcome: 'busy', bodyHash: 'hash' });
    await keys.release(projectId, 'k', 'slow');
    await keys.releaseLapsed(projectId, 'k', 'slow');
    await expect(keys.claim(projectId, 'k', 'hash', 'third')).resolves.toEqual({ outcome: 'busy', bodyHash: 'hash' });
    test.advance(LEASE_MS - 1);
    await keys.renew(projectId, 'k', 'slow');
    test.advance(1);
    const lapsed = { outcome: 'lapsed', batchId: 'quick', bodyHash: 'hash' };
    await expect(keys.claim(projectId, 'k', 'hash', 'third')).resolves.toEqual(lapsed);
  });

  it('let exactly one of 50 concurrent POSTs go on', async () => {
    const projectId = aProjectId();

    const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => keys.claim(projectId, 'k', 'hash', `b${n}`)));

    expect(claims.filter(({ outcome }) => outcome === 'new')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('let exactly one have the key of a claim that lapsed, once it was released', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'first');
    test.advance(LEASE_MS);

    const claims = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        await keys.releaseLapsed(projectId, 'k', 'first');
        return keys.claim(projectId, 'k', 'hash', `b${n}`);
      }),
    );

    expect(claims.filter(({ outcome }) => outcome === 'new')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('do not lapse one moment early', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'first');
    test.advance(LEASE_MS - 1);

    await expect(keys.claim(projectId, 'k', 'hash', 'second')).resolves.toEqual({ outcome: 'busy', bodyHash: 'hash' });
  });

  it('are free again when the POST was refused', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');

    await keys.release(projectId, 'k', 'one');

    await expect(keys.claim(projectId, 'k', 'other', 'two')).resolves.toEqual({ outcome: 'new' });
  });

  it('stay used when a late refusal comes after the completion', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');
    await keys.complete(projectId, 'k', 'one');

    await keys.release(projectId, 'k', 'one');

    await expect(keys.claim(projectId, 'k', 'hash', 'two')).resolves.toMatchObject({ outcome: 'complete' });
  });

  it('are free again after 24 hours, for one POST, though nothing deletes them', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');
    await keys.complete(projectId, 'k', 'one');
    test.advance(DAY_MS);

    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => keys.claim(projectId, 'k', 'other', `b${n}`)),
    );

    expect(claims.filter(({ outcome }) => outcome === 'new')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(19);
  });

  it('belong to their project, whatever characters project and key hold', async () => {
    await keys.claim('a', 'b:c', 'hash', 'one');

    await expect(keys.claim('a:b', 'c', 'hash', 'two')).resolves.toEqual({ outcome: 'new' });
  });
});

describe('the leases of idempotency keys', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([
    ['ahead of', 3 * LEASE_MS],
    ['behind', -3 * LEASE_MS],
  ])('are measured by the database, not by a gateway whose clock is %s it', async (_, skewMs) => {
    const { url, database } = test.database;
    const right = await createStore({ url, database });
    const wrong = await createStore({ url, database });
    const projectId = aProjectId();
    await right.idempotencyKeys.claim(projectId, 'of another', 'hash', 'one');
    const trueNow = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => trueNow() + skewMs);

    const other = await wrong.idempotencyKeys.claim(projectId, 'of another', 'hash', 'two');
    await wrong.idempotencyKeys.claim(projectId, 'its own', 'hash', 'one');
    jest.restoreAllMocks();
    const its = await right.idempotencyKeys.claim(projectId, 'its own', 'hash', 'two');

    expect([other, its]).toEqual([
      { outcome: 'busy', bodyHash: 'hash' },
      { outcome: 'busy', bodyHash: 'hash' },
    ]);
    await Promise.all([right.close(), wrong.close()]);
  });
});
