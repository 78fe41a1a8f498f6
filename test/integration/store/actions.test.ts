import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newBatchId } from '../../../src/domain/ids.js';
import type { NewAction } from '../../../src/domain/action.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
beforeAll(async () => {
  test = await aTestStore();
});
afterAll(() => test.close());

const anAction = (changes: Partial<NewAction> = {}): NewAction => ({
  ...{
    projectId: 'p1',
    target: `import:${newBatchId()}`,
    action: 'pause',
    by: { jti: 'j', name: 'ci' },
    at: test.now(),
  },
  ...changes,
});
const withKey = (changes: Partial<NewAction> = {}): NewAction =>
  anAction({ idempotency: { key: newBatchId(), requestHash: 'a' }, ...changes });
async function begun(action: NewAction): Promise<string> {
  const claim = await test.store.actions.begin(action);
  if (claim.outcome !== 'new') throw new Error(`The claim met ${claim.outcome}`);
  return claim.id;
}

describe('the action log', () => {
  it('lists what was begun, oldest first, with who asked and why, before it has been performed', async () => {
    const action = anAction({ reason: 'too fast' });
    await begun(action);
    test.advance(1_000);
    await begun({ ...action, action: 'resume' });

    expect(await test.store.actions.list('p1', action.target)).toMatchObject([
      { action: 'pause', by: { jti: 'j', name: 'ci' }, reason: 'too fast' },
      { action: 'resume' },
    ]);
    expect(await test.store.actions.list('p2', action.target)).toEqual([]);
  });

  it('forgets what was refused, and does not list what changed nothing', async () => {
    const { actions } = test.store;
    const action = anAction();
    await actions.withdraw(await begun(action));
    await actions.complete(await begun(action), null, false);

    expect(await actions.list('p1', action.target)).toEqual([]);
  });

  it('gives a key to one of two requests at once, and its result to a repetition', async () => {
    const { actions } = test.store;
    const action = withKey();
    const claims = await Promise.all([actions.begin(action), actions.begin(action)]);
    expect(claims.map(({ outcome }) => outcome).sort()).toEqual(['busy', 'new']);
    const id = claims.flatMap((claim) => (claim.outcome === 'new' ? [claim.id] : []))[0] ?? '';
    await actions.complete(id, { matched: 3 }, true);

    expect(await actions.begin(action)).toEqual({ outcome: 'done', result: { matched: 3 } });
    const other = { ...action, idempotency: { key: action.idempotency?.key ?? '', requestHash: 'b' } };
    expect(await actions.begin(other)).toEqual({ outcome: 'other_request' });
    expect((await actions.begin({ ...other, projectId: 'p2' })).outcome).toBe('new');
  });

  it('lets a repetition take over the claim of a process that died, after a minute', async () => {
    const action = withKey();
    const id = await begun(action);
    test.advance(59_000);
    expect(await test.store.actions.begin(action)).toEqual({ outcome: 'busy' });
    test.advance(2_000);

    // The action keeps its id, so that what it has begun is found again.
    expect(await test.store.actions.begin(action)).toEqual({ outcome: 'new', id });
    expect(await test.store.actions.begin(action)).toEqual({ outcome: 'busy' });
  });
});
