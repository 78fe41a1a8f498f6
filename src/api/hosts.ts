import { hostState, type HostRecord } from '../domain/host.js';
import { coalesce } from '../intake/coalesce.js';
import type { OpenGroup, Store } from '../store/store.js';
import { tokenOf, type RequestHandler } from './context.js';
import { listQuery, sendList } from './query.js';
import type { HttpSettings } from './settings.js';

/** One entry of `GET /hosts`. Keys without a value are absent. */
export interface HostBody {
  readonly host: string;
  readonly state: 'ok' | 'cooling' | 'probing';
  readonly coolingUntil?: string;
  /** Why its latest attempts failed. */
  readonly code?: string;
  /** Failures in a row, as far as they are known: those of the circuit, or the attempts of the items that are open. */
  readonly failures: number;
  /** Open items of the project that failed an attempt, by code, most first. */
  readonly open?: readonly { readonly code: string; readonly count: number }[];
  /** Open items of the project, of the first 20,000. */
  readonly waiting: number;
  /** Slots that are taken, of `limit`. */
  readonly active: number;
  readonly limit: number;
  readonly message: string;
}

export interface HostView {
  readonly projectId: string;
  /** Open items of the project's running imports there. */
  readonly open: readonly OpenGroup[];
  readonly limit: number;
  readonly now: Date;
}

/** How a host is, as a project sees it that has items there. */
export function hostBody(record: HostRecord, { projectId, open, limit, now }: HostView): HostBody {
  const { host, total, circuits } = record;
  const circuit = circuits.find((each) => each.projectId === projectId);
  const state = hostState(record, projectId, now);
  const count = (groups: readonly OpenGroup[]): number => groups.reduce((sum, group) => sum + group.count, 0);
  const failing = open.filter(({ code }) => code !== undefined).sort((a, b) => b.count - a.count);
  const attempts = failing.reduce((sum, group) => sum + group.attempts, 0);
  const waiting = count(open);
  const code = circuit?.code ?? failing[0]?.code;
  const items = `${waiting} ${waiting === 1 ? 'item' : 'items'} open`;
  const failed = failing.length === 0 ? '' : `, ${count(failing)} of them failed an attempt`;
  const common = {
    host,
    ...(code !== undefined && { code }),
    failures: Math.max(circuit?.failures ?? 0, attempts),
    ...(failing.length > 0 && { open: failing.map((group) => ({ code: group.code ?? '', count: group.count })) }),
    waiting,
    active: total,
    limit,
  };
  if (state.state === 'cooling') {
    const coolingUntil = state.until.toISOString();
    return {
      ...common,
      state: 'cooling',
      coolingUntil,
      message: `cooling until ${clock(state.until)}, ${items}${failed}`,
    };
  }
  if (state.state !== 'ok')
    return { ...common, state: 'probing', message: `one item at a time is tried, ${items}${failed}` };
  return { ...common, state: 'ok', message: `${items}${failed}` };
}

/** The time of day in UTC. */
function clock(at: Date): string {
  return `${at.toISOString().slice(11, 19)} UTC`;
}

export interface HostsDeps {
  readonly store: {
    readonly batches: Pick<Store['batches'], 'findRunning'>;
    readonly items: Pick<Store['items'], 'openGroups'>;
    readonly hosts: Pick<Store['hosts'], 'findAll'>;
  };
  readonly settings: Pick<HttpSettings, 'plan' | 'publicUrl'>;
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
    const { groups } = await store.items.openGroups(running.map(({ _id }) => _id));
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
    sendList(ctx, settings.publicUrl, items, rest.length > limit ? (page.at(-1)?.[0] ?? null) : null);
  };
}
