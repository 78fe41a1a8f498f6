import type { Batch } from '../src/contract/batch.js';
import type { HostRecord, HostTrouble } from '../src/contract/hosts.js';
import { triesSince } from '../src/politeness/host-trouble.js';
import type { ActivityDeps } from './deps.js';

/**
 * Ends the waiting for hosts that have been tried in vain as often as an item would be, since the batch was accepted or opened
 * again: all its open items there fail with the host's reason. So a thousand items of a dead host take about the time of one.
 * @returns whether any item was settled
 */
export async function settleHopeless(
  deps: ActivityDeps,
  batch: Batch,
  unwell: readonly HostRecord[],
): Promise<boolean> {
  const { attempts } = deps.retry;
  const since = new Date(Math.max(batch.touchedAt.getTime(), batch.reopenedAt?.getTime() ?? 0));
  let settled = 0;
  for (const { host, trouble } of unwell) {
    if (trouble === undefined || triesSince(trouble, since) < attempts) continue;
    const count = await deps.store.items.settleOpenOf(batch._id, host, trouble.code, sentence(host, trouble, attempts));
    deps.metrics.itemSettled(batch.kind, 'failed', trouble.code, 0, count);
    deps.logger.info({ batchId: batch._id, host, code: trouble.code, items: count }, 'gave up waiting for a host');
    settled += count;
  }
  return settled > 0;
}

function sentence(host: string, { code, since }: HostTrouble, tries: number): string {
  const did = code === 'rate_limited' || code === 'http_5xx' ? 'turned requests away' : 'not answered';
  const begun = `${since.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return `${host} has ${did} since ${begun}; ${tries} tries by items of this and other imports failed`;
}
