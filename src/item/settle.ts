import type { ImportError } from '../domain/errors.js';
import type { Batch } from '../domain/import.js';
import { partKeyOf, type Item } from '../domain/item.js';
import type { Source } from '../download/source.js';
import type { Settlement, Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { WorkerMetrics } from '../telemetry/metrics.js';

export interface SettleDeps {
  readonly store: { readonly items: Pick<Store['items'], 'settle'> };
  readonly source: Pick<Source, 'discardPart'>;
  readonly metrics: Pick<WorkerMetrics, 'itemSettled'>;
  readonly logger: Logger;
}

/**
 * Ends an item. One that another attempt has ended meanwhile keeps the state it has, and is not counted twice.
 * @param received body bytes that the attempt took
 * @throws whatever the database throws
 */
export async function settle(
  { store, metrics }: SettleDeps,
  { kind }: Batch,
  settlement: Settlement,
  received: number,
): Promise<void> {
  const isOurs = await store.items.settle(settlement);
  if (isOurs) metrics.itemSettled(kind, settlement.state, settlement.code, received);
}

/**
 * Ends an item as failed, and removes what earlier attempts have kept of its body: no later one continues it.
 * @throws whatever the database throws; what the blob store throws is logged, for garbage collection removes the part as well
 */
export async function settleFailed(
  deps: SettleDeps,
  batch: Batch,
  item: Item,
  failure: Pick<Settlement, 'reason' | 'attempt'> & { readonly code: ImportError['code'] },
): Promise<void> {
  const { batchId, seq } = item;
  await settle(deps, batch, { batchId, seq, state: 'failed', ...failure }, 0);
  try {
    await deps.source.discardPart(partKeyOf(item));
  } catch (error) {
    deps.logger.warn({ batchId, seq, err: error }, 'could not remove the part of an item that failed');
  }
}
