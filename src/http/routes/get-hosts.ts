import { hostBody } from '../../contract/host-body.js';
import type { Store } from '../../contract/store.js';
import { coalesce } from '../../intake/coalesce.js';
import { listQuery } from '../list-query.js';
import { tokenOf, type RequestHandler } from '../request-state.js';
import type { HttpSettings } from '../settings.js';

export interface HostsDeps {
  readonly store: {
    readonly batches: Pick<Store['batches'], 'findRunning'>;
    readonly items: Pick<Store['items'], 'openByHost'>;
    readonly hosts: Pick<Store['hosts'], 'findAll'>;
  };
  readonly settings: Pick<HttpSettings, 'hostMaxConcurrent'>;
}

/** Pages poll about once a second; counting reads all open items of the running imports of the project. */
const COUNTS_TTL_MS = 1_000;

/**
 * `GET /api/:v/hosts`: how the hosts are that running imports of the project still have items of, by name. Hosts that only other
 * projects use are not shown.
 */
export function getHosts({ store, settings }: HostsDeps): RequestHandler {
  const waitingOf = coalesce(
    async (projectId) => {
      const running = await store.batches.findRunning(projectId);
      const counts = await store.items.openByHost(running.map(({ _id }) => _id));
      return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    },
    { ttlMs: COUNTS_TTL_MS },
  );

  return async (ctx) => {
    const { after, limit } = listQuery(ctx.query);
    const { projectId } = tokenOf(ctx.state);
    const all = await waitingOf(projectId);
    const rest = after === undefined ? all : all.filter(([host]) => host > after);
    const page = rest.slice(0, limit);
    const records = await store.hosts.findAll(page.map(([host]) => host));
    const known = new Map(records.map((record) => [record.host, record]));
    const now = new Date();
    const items = page.map(([host, waiting]) => {
      const record = known.get(host) ?? { host, total: 0, held: {}, wanting: {} };
      return hostBody(record, { waiting, limit: settings.hostMaxConcurrent, now });
    });
    ctx.body = { items, next: rest.length > limit ? (page.at(-1)?.[0] ?? null) : null };
  };
}
