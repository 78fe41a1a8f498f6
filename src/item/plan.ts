import type { PlanWorkInput, PlannedItem, WorkPlan } from '../temporal/activity-api.js';
import type { Batch } from '../domain/import.js';
import { pageSize } from '../temporal/names.js';
import { PROBE_LOOK_MS, blockedUntil, hostState, type HostState } from '../domain/host.js';
import type { Item } from '../domain/item.js';
import type { BatchStore, ItemStore } from '../store/store.js';
import type { HostLimiter } from '../host-limits/host-limiter.js';
import { acceptedAt } from './attempt.js';

/** Open items read at a time: 100 ms and a few megabytes. */
const WINDOW = 5_000;
/** Items that a plan holds at the most, about 20 KiB of page ranges; a larger batch is planned in parts. */
const MOST_ITEMS = 10_000;
/** Items of a plan that get an activity each; more would only wait in the workflow. */
const MOST_SINGLE = 200;
/** Pages of one host in a plan. More of them would only wait for its slots. */
const PAGES_OF_HOST = 8;

export interface PlanDeps {
  readonly store: {
    readonly items: Pick<ItemStore, 'openFrom'>;
    readonly batches: Pick<BatchStore, 'markTroubled'>;
  };
  readonly hosts: Pick<HostLimiter, 'unwell' | 'hopeless' | 'now' | 'ratePoints' | 'sharedMax'>;
  /** With more due items than this they are tried in pages. */
  readonly sweepAbove: number;
  /** Items of a page. */
  readonly sweepPage: number;
}

export type OpenItem = Pick<Item, 'seq' | 'host' | 'solo' | 'nextAttemptAt'>;

/**
 * Which open items of a batch may be tried now, and how: an activity an item while they are few, else pages. Items of a host whose
 * circuit is open are left out: they wait in the database, and cost nothing.
 * @param input what is known already is left out
 */
export async function planOpen(
  deps: PlanDeps,
  batch: Batch,
  input: Pick<PlanWorkInput, 'beforeSeq' | 'known'>,
): Promise<Pick<WorkPlan, 'pages' | 'items' | 'more' | 'waitMs' | 'ofHost'>> {
  const choice = createChoice(deps, batch, input.known);
  let from = 0;
  let more = false;
  for (;;) {
    const open = await deps.store.items.openFrom(batch._id, from, WINDOW, input.beforeSeq);
    await choice.learn(open.map(({ host }) => host));
    for (const item of open) choice.add(item);
    const last = open.at(-1);
    if (last === undefined || open.length < WINDOW) break;
    from = last.seq + 1;
    more = choice.due.length >= MOST_ITEMS;
    if (more) break;
  }
  const { due, probes, waitMs } = choice;
  if (choice.waitsForHost) await deps.store.batches.markTroubled(batch);
  // More of one host than this at a time would only wait for its slots.
  const ofHost = deps.hosts.sharedMax;
  if (!more && due.length <= deps.sweepAbove) {
    const items = [...due, ...probes.values()].sort((a, b) => a.seq - b.seq);
    return { pages: [], items: items.map(planned), more, waitMs, ofHost };
  }
  const own = due.filter(({ solo }) => solo === true);
  const { pages, hasAll } = pagesOf(
    due.filter(({ solo }) => solo !== true),
    pageSize(deps.sweepPage, batch.itemCount),
  );
  const items = [...probes.values(), ...own].slice(0, MOST_SINGLE).map(planned);
  return { pages, items, more: more || !hasAll || own.length > MOST_SINGLE, waitMs, ofHost };
}

function planned({ seq, host, solo }: OpenItem): PlannedItem {
  return { seq, host, ...(solo === true && { own: true }) };
}

/** Ranges of consecutive item numbers, aligned to multiples of the page size, that hold at least one of the items. */
function pagesOf(due: readonly OpenItem[], size: number): { pages: WorkPlan['pages']; hasAll: boolean } {
  const hostsOf = new Map<number, Set<string>>();
  for (const { seq, host } of due) {
    const start = seq - (seq % size);
    const hosts = hostsOf.get(start);
    if (hosts === undefined) hostsOf.set(start, new Set([host]));
    else hosts.add(host);
  }
  const countOf = new Map<string, number>();
  const pages: [number, number, string?][] = [];
  for (const [start, hosts] of hostsOf) {
    const [host] = hosts;
    if (hosts.size > 1 || host === undefined) {
      pages.push([start, start + size - 1]);
      continue;
    }
    const count = (countOf.get(host) ?? 0) + 1;
    countOf.set(host, count);
    if (count <= PAGES_OF_HOST) pages.push([start, start + size - 1, host]);
  }
  return { pages, hasAll: pages.length === hostsOf.size };
}

/** Chooses among open items, host by host. */
function createChoice({ hosts }: Pick<PlanDeps, 'hosts'>, batch: Batch, known: PlanWorkInput['known']) {
  const { projectId } = batch;
  const since = acceptedAt(batch);
  const now = hosts.now();
  const states = new Map<string, HostState | 'hopeless'>();
  const knownSeqs = new Set(known.seqs);
  // Ranges need not be of today's page size, so it is their items that are looked up: an import has some ten pages under way.
  for (const [from, to] of known.pages) for (let seq = from; seq <= to; seq += 1) knownSeqs.add(seq);
  const knownHosts = new Set(known.hosts);
  const seen = new Map<string, number>();
  const due: OpenItem[] = [];
  const probes = new Map<string, OpenItem>();
  let earliest = Infinity;
  let waitsForHost = false;

  const isKnown = ({ seq, host }: OpenItem): boolean => knownSeqs.has(seq) || knownHosts.has(host);

  return {
    due,
    probes,
    /** Whether a host may not be asked now that items are left for. */
    get waitsForHost(): boolean {
      return waitsForHost;
    },
    /** Until the earliest of those that may not be tried now; null when there is none. */
    get waitMs(): number | null {
      return earliest === Infinity ? null : Math.max(0, earliest - now.getTime());
    },
    /** Reads what is known of hosts that were not met before. */
    async learn(names: readonly string[]): Promise<void> {
      const unknown = [...new Set(names)].filter((name) => !states.has(name));
      for (const name of unknown) states.set(name, { state: 'ok' });
      for (const record of await hosts.unwell(unknown)) {
        const isHopeless = hosts.hopeless(record, { projectId, since }) !== null;
        states.set(record.host, isHopeless ? 'hopeless' : hostState(record, projectId, now));
      }
    },
    add(item: OpenItem): void {
      if (isKnown(item)) return;
      const state = states.get(item.host) ?? { state: 'ok' };
      // Once there is no hope for a host, its items do not wait for their next attempt either.
      const ownAt = state === 'hopeless' ? 0 : (item.nextAttemptAt?.getTime() ?? 0);
      const blocked = state === 'hopeless' ? 0 : blockedUntil(state, now);
      if (blocked > 0) waitsForHost = true;
      const at = Math.max(ownAt, blocked);
      if (at > now.getTime()) {
        earliest = Math.min(earliest, at);
        return;
      }
      const count = (seen.get(item.host) ?? 0) + 1;
      seen.set(item.host, count);
      if (state !== 'hopeless' && state.state === 'due') {
        // One at random, so that one bad URL cannot keep its host closed: the n-th takes the place of the one before with a
        // chance of 1/n, so all are equally likely.
        if (Math.random() * count < 1) probes.set(item.host, item);
        // The others are due when the probe has come back.
        if (count === 2) earliest = Math.min(earliest, now.getTime() + PROBE_LOOK_MS);
        return;
      }
      // Of a host with a rate no more than begin in one window.
      if (count <= (hosts.ratePoints ?? Infinity)) due.push(item);
      else earliest = Math.min(earliest, now.getTime() + PROBE_LOOK_MS);
    },
  };
}
