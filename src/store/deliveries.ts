import type { Collection } from 'mongodb';
import type { Delivery, DeliveryStore } from '../domain/delivery.js';
import { retryDuplicateKey } from './mongo-errors.js';

/** Ten redeliveries with ten attempts each. */
const MOST_ATTEMPTS = 100;

/** Webhook messages and their attempts. */
export function createDeliveryStore(deps: { deliveries: Collection<Delivery>; now: () => Date }): DeliveryStore {
  const { deliveries, now } = deps;

  return {
    open: async ({ _id, projectId, batchId, generation, body }) => {
      const at = now();
      const message = { projectId, batchId, ...(generation && { generation }), ...(body && { body }) };
      const initial = { ...message, state: 'pending' as const, attempts: [], createdAt: at, unstartedSince: at };
      const options = { upsert: true, returnDocument: 'after' as const };
      const delivery = await retryDuplicateKey(() =>
        deliveries.findOneAndUpdate({ _id }, { $setOnInsert: initial }, options),
      );
      if (delivery === null) throw new Error('The database answered an upsert without its document');
      return delivery;
    },

    markStarted: async (webhookId) => {
      await deliveries.updateOne({ _id: webhookId }, { $unset: { unstartedSince: '' } });
    },

    findUnstarted: (before, limit) => {
      const unstarted = deliveries.find({ unstartedSince: { $lt: before } }, { projection: { body: 0 } });
      return unstarted.sort({ unstartedSince: 1 }).limit(limit).toArray();
    },

    redeliver: async (projectId, batchId) => {
      const latest = { sort: { createdAt: -1, _id: -1 } as const, projection: { _id: 1 } };
      const found = await deliveries.findOne({ batchId, projectId }, latest);
      if (found === null) return null;
      return deliveries.findOneAndUpdate(
        { _id: found._id },
        {
          $set: { state: 'pending', unstartedSince: now() },
          $inc: { redeliveries: 1 },
          $unset: { nextAttemptAt: '' },
        },
        { returnDocument: 'after', projection: { body: 0 } },
      );
    },

    record: async (webhookId, attempt, state, nextAttemptAt, by) => {
      // What the import could not deliver is left to a workflow, which does not exist yet.
      const isLeft = by === 'import' && state === 'pending';
      const gone = {
        ...(!isLeft && { unstartedSince: '' as const }),
        ...(nextAttemptAt === null && { nextAttemptAt: '' as const }),
      };
      // An attempt that is told again, because the first answer got lost, is not listed twice.
      const untold = { _id: webhookId, 'attempts.at': { $ne: attempt.at } };
      const listed = { $push: { attempts: { $each: [attempt], $slice: -MOST_ATTEMPTS } } };
      const isFirst = by === 'import' || by === 0;
      const { matchedCount } = await deliveries.updateOne(
        { ...untold, redeliveries: isFirst ? { $exists: false } : by },
        {
          ...listed,
          $set: { state, ...(nextAttemptAt && { nextAttemptAt }) },
          ...(Object.keys(gone).length > 0 && { $unset: gone }),
        },
      );
      // It was sent again meanwhile: the other delivery says what state it is in.
      if (matchedCount === 0) await deliveries.updateOne(untold, listed);
    },

    listByBatch: (projectId, batchId) =>
      deliveries.find({ batchId, projectId }).sort({ createdAt: 1, _id: 1 }).toArray(),

    removeAll: async (batchId) => {
      await deliveries.deleteMany({ batchId });
    },
  };
}
