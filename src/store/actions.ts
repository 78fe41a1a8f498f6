import { randomUUID } from 'node:crypto';
import type { Collection } from 'mongodb';
import type { ActionRecord, ActionStore, ActionTarget, NewAction } from '../domain/action.js';
import { isDuplicateKey } from './mongo-errors.js';

/** A document of the `actions` collection. */
export interface ActionDocument extends ActionRecord {
  /** Random, or derived from (project, key) when the client sent an Idempotency-Key. */
  readonly _id: string;
  readonly projectId: string;
  readonly target: ActionTarget;
  readonly requestHash?: string;
  /** Which attempt at the action holds the claim. */
  readonly claim: string;
  /** There once the action has been performed. */
  readonly result?: unknown;
  /** False for an action that changed nothing. */
  readonly isListed: boolean;
  /** Absent for actions on imports, which are removed together with their import. */
  readonly expiresAt?: Date;
}

/** The longest action, a retry of a million items, is done in less; a client that repeats a request after a crash waits this long. */
const CLAIM_MS = 60_000;
/** As imports are kept by default: actions on hosts and media have no import to be removed with. */
const KEPT_MS = 90 * 24 * 60 * 60 * 1_000;
/** More would not be read on a page, and a script may pause and resume all day. */
const LISTED = 100;

/** The action log, and the idempotency keys of actions. */
export function createActionStore(deps: {
  actions: Collection<ActionDocument>;
  databaseTime: () => Promise<Date>;
}): ActionStore {
  const { actions, databaseTime } = deps;

  const documentOf = ({ projectId, target, at, by, action, reason, idempotency }: NewAction): ActionDocument => ({
    _id: idempotency === undefined ? randomUUID() : JSON.stringify([projectId, idempotency.key]),
    projectId,
    target,
    at,
    by,
    action,
    ...(reason !== undefined && { reason }),
    ...(idempotency !== undefined && { requestHash: idempotency.requestHash }),
    claim: randomUUID(),
    isListed: true,
    ...(!target.startsWith('import:') && { expiresAt: new Date(at.getTime() + KEPT_MS) }),
  });

  return {
    async begin(action) {
      const wanted = documentOf({ ...action, at: await databaseTime() });
      try {
        await actions.insertOne(wanted);
        return { outcome: 'new', id: wanted._id };
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      const seen = await actions.findOne({ _id: wanted._id });
      if (seen === null) return { outcome: 'busy' };
      if (seen.requestHash !== wanted.requestHash) return { outcome: 'other_request' };
      if (seen.result !== undefined) return { outcome: 'done', result: seen.result };
      if (wanted.at.getTime() - seen.at.getTime() < CLAIM_MS) return { outcome: 'busy' };
      const { matchedCount } = await actions.replaceOne({ _id: seen._id, claim: seen.claim }, wanted);
      return matchedCount === 1 ? { outcome: 'new', id: wanted._id } : { outcome: 'busy' };
    },

    async complete(id, result, isListed) {
      await actions.updateOne({ _id: id }, { $set: { result, isListed } });
    },

    async withdraw(id) {
      await actions.deleteOne({ _id: id, result: { $exists: false } });
    },

    async list(projectId, target) {
      const found = await actions
        .find({ target, projectId, isListed: true })
        .sort({ at: -1, _id: -1 })
        .limit(LISTED)
        .toArray();
      return found.reverse().map(({ at, by, action, reason }) => ({
        at,
        by,
        action,
        ...(reason !== undefined && { reason }),
      }));
    },

    async removeAll(target) {
      await actions.deleteMany({ target });
    },
  };
}
