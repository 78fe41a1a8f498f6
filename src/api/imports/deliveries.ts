import type { Logger } from 'pino';
import { ApiError } from '../../domain/api-error.js';
import type { ActionTarget } from '../../domain/action.js';
import type { Delivery } from '../../domain/delivery.js';
import { generationOf } from '../../domain/ids.js';
import { priorityOf, type Batch } from '../../domain/import.js';
import type { Store } from '../../store/store.js';
import type { ImportWorkflows } from '../../temporal/client.js';
import { performAction, Reason, type ActionDeps } from '../action.js';
import { tokenOf, type RequestContext, type RequestHandler } from '../context.js';
import { importNotFound } from '../errors.js';
import { filteredListQuery, sendList, type ListFilters } from '../query.js';
import type { HttpSettings } from '../settings.js';

export interface DeliveriesDeps {
  readonly batches: Pick<Store['batches'], 'find'>;
  readonly deliveries: Pick<Store['deliveries'], 'listByBatch' | 'redeliver' | 'markStarted'>;
  readonly settings: Pick<HttpSettings, 'publicUrl'>;
}

/** One entry of `GET /imports/:id/deliveries`. Keys without a value are absent. */
function deliveryBody({ _id, state, attempts, nextAttemptAt }: Delivery) {
  return {
    webhookId: _id,
    state,
    attempts: attempts.map(({ at, status, durationMs, error }) => ({
      at: at.toISOString(),
      status,
      durationMs,
      error,
    })),
    nextAttemptAt: nextAttemptAt?.toISOString(),
  };
}

/** Messages are only ever added behind the others: a place among them stays what it is. */
const FILTERS: ListFilters<never, null> = { cursor: /^\d{1,9}$/, parameters: [], read: () => null };

/** `GET /api/:v/imports/:id/deliveries`: the webhook messages of an import with every attempt, the first one first. */
export function getDeliveries({ batches, deliveries, settings }: DeliveriesDeps): RequestHandler {
  return async (ctx) => {
    const { after = '0', limit } = filteredListQuery(ctx.query, FILTERS);
    const { projectId, _id } = await findBatch(batches, ctx);
    const all = await deliveries.listByBatch(projectId, _id);
    const end = Number(after) + limit;
    sendList(
      ctx,
      settings.publicUrl,
      all.slice(Number(after), end).map(deliveryBody),
      end < all.length ? String(end) : null,
    );
  };
}

export interface RedeliverDeps extends DeliveriesDeps, ActionDeps {
  readonly workflows: Pick<ImportWorkflows, 'deliver'>;
  readonly logger: Logger;
}

/**
 * `POST /api/:v/imports/:id/deliveries/redeliver`: sends the latest message again, whatever became of it, under its id and with its
 * body. The message is durable once it is open again: the reconciler starts a delivery that this process could not start.
 */
export function postRedeliver(deps: RedeliverDeps): RequestHandler {
  const { batches, deliveries, workflows, logger } = deps;
  return performAction<Batch, typeof Reason, string>(deps, {
    action: 'redeliver',
    find: (ctx) => findBatch(batches, ctx),
    targetOf: ({ _id }): ActionTarget => `import:${_id}`,
    shape: Reason,
    perform: async (batch) => {
      const { projectId, _id: batchId } = batch;
      const message = batch.webhook === undefined ? null : await deliveries.redeliver(projectId, batchId);
      if (message === null)
        throw new ApiError(409, { deliveries: 'The import has no webhook message that could be sent again' });
      const { _id: webhookId, redeliveries = 1 } = message;
      try {
        const input = { projectId, batchId, webhookId, redelivery: redeliveries };
        await workflows.deliver(input, generationOf(webhookId), priorityOf(batch));
        await deliveries.markStarted(webhookId);
      } catch (error) {
        logger.warn({ projectId, batchId, err: error }, 'could not start the delivery of a webhook');
      }
      return { result: webhookId, hasEffect: true };
    },
    answer: async (_ctx, { projectId, _id }, webhookId) => {
      const found = (await deliveries.listByBatch(projectId, _id)).find((delivery) => delivery._id === webhookId);
      // Removed with its import meanwhile.
      if (found === undefined) throw importNotFound(_id);
      return deliveryBody(found);
    },
  });
}

/** @throws ApiError 404 */
async function findBatch(batches: DeliveriesDeps['batches'], ctx: RequestContext): Promise<Batch> {
  const [, , , , id = ''] = ctx.path.split('/');
  const batch = await batches.find(tokenOf(ctx.state).projectId, id);
  if (batch === null || batch.state === 'storing') throw importNotFound(id);
  return batch;
}
