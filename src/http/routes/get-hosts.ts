import { hostBody } from '../../contract/host-body.js';
import type { OpenGroup, Store } from '../../contract/store.js';
import { coalesce } from '../../intake/coalesce.js';
import { listQuery } from '../list-query.js';
import { tokenOf, type RequestHandler } from '../request-state.js';
import type { HttpSettings } from '../settings.js';

export interface HostsDeps {
  readonly store: {
    readonly batches: Pick<Store['batches'], 'findRunning'>;
    readonly items: Pick<Store['items'], 'openGroups'>;
    readonly hosts: Pick<Store['hosts'], 'findAll'>;
  };
  readonly settings: Pick<HttpSettings, 'plan'>;
}

/**
 * Pages poll about once a second. Counting takes up to 100 ms, so pollers get the answer of before while the next one is put together.
 */
const KEPT = { ttlMs: 1_000, staleMs: 10_000 };

/**
 * `GET /api/:v/hosts`: how the hosts are that running imports of the project still have items of, by name. Hosts that only other
 * projects use are not shown.
 */
export function getHosts({ store, settings }: HostsDeps): RequestHandler {
  const openOf = coalesce(async (projectId) => {
    const running = await store.batches.findRunning(projectId);
    const groups = await store.items.openGroups(running.map(({ _id }) => _id));
    const byHost = new Map<string, OpenGroup[]>();
    for (const group of groups) byHost.set(group.host, [...(byHost.get(group.host) ?? []), group]);
    return [...byHost].sort(([a], [b]) => (a < b ? -1 : 1));
  }, KEPT);

  return async (ctx) => {
    const { after, limit } = listQuery(ctx.query);
    const { projectId } = tokenOf(ctx.state);
    const all = await openOf(projectId);
    const rest = after === undefined ? all : all.filter(([host]) => host > after);
    const page = rest.slice(0, limit);
    const records = await store.hosts.findAll(page.map(([host]) => host));
    const known = new Map(records.map((record) => [record.host, record]));
    const now = new Date();
    const items = page.map(([host, open]) => {
      const record = known.get(host) ?? { host, total: 0, held: {}, wanting: {}, circuits: [] };
      return hostBody(record, { projectId, open, limit: settings.plan.hostMaxConcurrent, now });
    });
    ctx.body = { items, next: rest.length > limit ? (page.at(-1)?.[0] ?? null) : null };
  };
}
