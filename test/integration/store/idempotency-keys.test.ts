import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { IdempotencyKeyStore } from '../../../src/contract/idempotency-key.js';
import { aProjectId } from '../../support/builders.js';
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

    await expect(keys.claim(projectId, 'k', 'hash', 'one')).resolves.toEqual({ outcome: 'new', batchId: 'one' });
    await expect(keys.claim(projectId, 'k', 'hash', 'two')).resolves.toEqual({ outcome: 'busy' });
  });

  it('answer a completed POST again with its batch', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');
    await keys.complete(projectId, 'k');

    await expect(keys.claim(projectId, 'k', 'hash', 'two')).resolves.toEqual({ outcome: 'replay', batchId: 'one' });
  });

  it('refuse another body, while the first POST runs, after it, and after it died', async () => {
    const projectId = aProjectId();
    const mismatch = { outcome: 'mismatch' };
    await keys.claim(projectId, 'running', 'hash', 'one');
    await keys.claim(projectId, 'done', 'hash', 'one');
    await keys.complete(projectId, 'done');

    await expect(keys.claim(projectId, 'running', 'other', 'two')).resolves.toEqual(mismatch);
    await expect(keys.claim(projectId, 'done', 'other', 'two')).resolves.toEqual(mismatch);
    test.advance(LEASE_MS);
    const lapsed = { outcome: 'lapsed', batchId: 'one' };
    await expect(keys.claim(projectId, 'running', 'other', 'two')).resolves.toEqual(lapsed);
    await expect(keys.claim(projectId, 'done', 'other', 'two')).resolves.toEqual(mismatch);
  });

  it('are free again for any body when a lapsed claim is released, not one that was taken over', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'dead', 'hash', 'one');
    await keys.claim(projectId, 'taken', 'hash', 'one');
    test.advance(LEASE_MS);
    await keys.claim(projectId, 'taken', 'hash', 'two');

    await keys.releaseLapsed(projectId, 'dead');
    await keys.releaseLapsed(projectId, 'taken');

    await expect(keys.claim(projectId, 'dead', 'other', 'two')).resolves.toEqual({ outcome: 'new', batchId: 'two' });
    await expect(keys.claim(projectId, 'taken', 'hash', 'three')).resolves.toEqual({ outcome: 'busy' });
  });

  it('let exactly one of 50 concurrent POSTs go on', async () => {
    const projectId = aProjectId();

    const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => keys.claim(projectId, 'k', 'hash', `b${n}`)));

    expect(claims.filter(({ outcome }) => outcome === 'new')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('let exactly one take over a claim that lapsed, under the batch id of the POST that died', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'first');
    test.advance(LEASE_MS);

    const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => keys.claim(projectId, 'k', 'hash', `b${n}`)));

    expect(claims.filter(({ outcome }) => outcome === 'new')).toEqual([{ outcome: 'new', batchId: 'first' }]);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('do not lapse one moment early', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'first');
    test.advance(LEASE_MS - 1);

    await expect(keys.claim(projectId, 'k', 'hash', 'second')).resolves.toEqual({ outcome: 'busy' });
  });

  it('are free again when the POST was refused', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');

    await keys.release(projectId, 'k');

    await expect(keys.claim(projectId, 'k', 'other', 'two')).resolves.toEqual({ outcome: 'new', batchId: 'two' });
  });

  it('stay used when a late refusal comes after the completion', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');
    await keys.complete(projectId, 'k');

    await keys.release(projectId, 'k');

    await expect(keys.claim(projectId, 'k', 'hash', 'two')).resolves.toMatchObject({ outcome: 'replay' });
  });

  it('are free again after 24 hours, for one POST, though nothing deletes them', async () => {
    const projectId = aProjectId();
    await keys.claim(projectId, 'k', 'hash', 'one');
    await keys.complete(projectId, 'k');
    test.advance(DAY_MS);

    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => keys.claim(projectId, 'k', 'other', `b${n}`)),
    );

    expect(claims.filter(({ outcome }) => outcome === 'new')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(19);
  });

  it('belong to their project, whatever characters project and key hold', async () => {
    await keys.claim('a', 'b:c', 'hash', 'one');

    await expect(keys.claim('a:b', 'c', 'hash', 'two')).resolves.toEqual({ outcome: 'new', batchId: 'two' });
  });
});
