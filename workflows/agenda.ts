import type { ItemResult, PlannedItem, SweepResult } from '../src/temporal/activity-api.js';

/** What one import may have under way at a time. */
export interface AgendaLimits {
  /** Pages: 8 × 50 items keep two workers busy, and a cancellation has little to wait for. */
  readonly pages: number;
  /** Single items: more cost workflow task time faster than they save any. */
  readonly items: number;
  /** Items with an activity of their own, which may take hours. */
  readonly own: number;
  /** Single items of one host; a host's share is never more than half of the places. */
  readonly ofHost: number;
}

export const AGENDA_LIMITS: AgendaLimits = { pages: 8, items: 50, own: 16, ofHost: 16 };

/** Pages that come back without having found slots are not replaced, down to this many: a page of another host still finds room. */
const LEAST_PAGES = 2;
/** Pages of a single host that are kept ready. More of them would only wait for its slots. */
const READY_OF_HOST = 4;
/** Pauses before a host that had no slot free is asked for one again: doubling, from one second to eight. */
const FULL_MS = 1_000;
const LONGEST_FULL_MS = 8_000;
/** After so many items in a row that were too long for a short place, those of the host that wait are not tried in one first. */
const LONG_IN_ROW = 2;
/** Items whose next attempt is remembered. More are found again by a plan. */
const MAX_REMEMBERED = 1_000;

/** Inclusive; with a host when it holds items of that one only. */
export type PageRange = readonly [from: number, to: number, host?: string | undefined];

export type Start =
  | { readonly kind: 'page'; readonly range: PageRange }
  | { readonly kind: 'item' | 'own'; readonly seq: number; readonly host: string };

/** What the agenda is told of the end of an item's activity. */
export type ItemEnd = Pick<ItemResult, 'state' | 'why' | 'dueMs' | 'restMs' | 'isHopeless'>;

interface Entry {
  readonly seq: number;
  readonly host: string;
  own: boolean;
  dueAt: number;
  running: boolean;
}

interface HostPlaces {
  /** Single items under way: all, and those with an activity of their own. */
  items: number;
  own: number;
  /** Pages of this host alone that are under way, and how many may be. */
  pages: number;
  pageCap: number;
  /** How many may be under way: lowered when the host turns out full or rests, raised again by each item that got through. */
  cap: number;
  /** Nothing of the host starts before. */
  restUntil: number;
  /** Whether it rests because its circuit is open, and not because its slots are taken. */
  isClosed: boolean;
  /** Refusals in a row. */
  full: number;
  /** Items in a row that were too long for a short place. */
  long: number;
}

/**
 * What an import does next. It is given all that is known to be open, says what to start while there are places, and is told how
 * each start ended. What waits for a time, a host or a place takes no place itself. Pure: the clock is an argument, so that the
 * workflow replays, and a simulation can drive it (test/unit/workflows/agenda.property.test.ts).
 *
 * Laws: no place stays free while an item is due whose host may be asked; a host has at most its share of the places; hosts take
 * turns, those with the fewest items under way first, so none starves.
 */
export class Agenda {
  private readonly entries = new Map<number, Entry>();
  private readonly hosts = new Map<string, HostPlaces>();
  private pages: PageRange[] = [];
  private readonly runningPages = new Map<number, PageRange>();
  private pageCap: number;
  private counts = { items: 0, own: 0 };
  private fresh = { next: 0, end: 0, size: 1 };

  constructor(private limits: AgendaLimits) {
    this.pageCap = limits.pages;
  }

  /** How many single items of one host are worth starting at a time. */
  limitHosts(ofHost: number): void {
    this.limits = { ...this.limits, ofHost };
  }

  /** Pages of items that were never tried: all of `next` ≤ seq < `end`. */
  addFresh(next: number, end: number, size: number): void {
    this.fresh = { next, end, size };
  }

  addPages(pages: readonly PageRange[]): void {
    this.pages.push(...pages);
  }

  /** Items that may be tried at `dueAt`; those that are known already stay as they are. */
  addItems(items: readonly PlannedItem[], dueAt: number): void {
    for (const { seq, host, own = false } of items)
      if (!this.entries.has(seq)) this.entries.set(seq, { seq, host, own, dueAt, running: false });
  }

  /** Items from here on were never tried. */
  get freshFrom(): number {
    return this.fresh.next;
  }

  /** What a plan has to leave out: items, pages, and hosts that have enough pages ready. */
  get known(): { seqs: number[]; pages: [number, number][]; hosts: string[] } {
    const pages = [...this.runningPages.values(), ...this.pages];
    const ready = new Map<string, number>();
    for (const [, , host] of this.pages) if (host !== undefined) ready.set(host, (ready.get(host) ?? 0) + 1);
    return {
      seqs: [...this.entries.keys()],
      pages: pages.map(([from, to]) => [from, to]),
      hosts: [...ready].flatMap(([host, count]) => (count >= READY_OF_HOST ? [host] : [])),
    };
  }

  get running(): { pages: number; items: number; own: number } {
    return { pages: this.runningPages.size, ...this.counts };
  }

  /** Whether nothing is under way, and nothing is known that could be. */
  get isEmpty(): boolean {
    return this.entries.size === 0 && this.pages.length + this.runningPages.size === 0 && !this.hasFresh;
  }

  /** Whether a plan would find places for what it brings. */
  hasRoom(now: number): boolean {
    let due = 0;
    for (const entry of this.entries.values()) if (!entry.running && entry.dueAt <= now) due += 1;
    const pages = this.pages.filter((page) => this.mayStart(page)).length;
    return pages < this.limits.pages && due < this.limits.items;
  }

  /** Takes what may start now. The caller starts all of it. */
  start(now: number): Start[] {
    const starts: Start[] = [];
    while (this.runningPages.size < this.pageCap) {
      const range = this.nextPage();
      if (range === undefined) break;
      this.runningPages.set(range[0], range);
      if (range[2] !== undefined) this.hostOf(range[2]).pages += 1;
      starts.push({ kind: 'page', range });
    }
    for (const kind of ['item', 'own'] as const) starts.push(...this.startItems(kind, now));
    return starts;
  }

  /** @returns when another plan may find something for the places, null when the page was all that there was */
  pageEnded(range: PageRange, { success, skipped, failed, left }: SweepResult, now: number): number | null {
    this.runningPages.delete(range[0]);
    const hasFoundSlots = (left?.full ?? 0) <= success + skipped + failed;
    const [, , name] = range;
    if (name === undefined) {
      const least = Math.min(LEAST_PAGES, this.limits.pages);
      this.pageCap = adjusted(this.pageCap, hasFoundSlots, least, this.limits.pages);
      return left === undefined ? null : now + left.dueMs;
    }
    const host = this.hostOf(name);
    host.pages -= 1;
    host.pageCap = adjusted(host.pageCap, hasFoundSlots, 1, this.pageShare);
    // The plan has left out pages of a host that had enough of them.
    return now + (left?.dueMs ?? 0);
  }

  /** @returns false when the item is open and is not remembered: a plan has to find it again */
  itemEnded(seq: number, result: ItemEnd, now: number): boolean {
    const entry = this.entries.get(seq);
    if (entry === undefined) return true;
    const host = this.hostOf(entry.host);
    entry.running = false;
    host.items -= 1;
    this.counts[entry.own ? 'own' : 'items'] -= 1;
    if (entry.own) host.own -= 1;
    this.learn(host, result, now);
    if (result.isHopeless === true)
      for (const other of this.entries.values()) if (other.host === entry.host) other.dueAt = 0;
    if (result.state !== 'open') {
      if (!entry.own) host.long = 0;
      this.entries.delete(seq);
      return true;
    }
    if (this.entries.size > MAX_REMEMBERED) {
      this.entries.delete(seq);
      return false;
    }
    if (result.why === 'needs_own') {
      entry.own = true;
      host.long += 1;
      if (host.long >= LONG_IN_ROW) this.expectLong(entry.host);
    }
    entry.dueAt = result.isHopeless === true ? 0 : now + (result.dueMs ?? 0);
    return true;
  }

  /** The next moment at which something may start that may not now; Infinity when there is none. */
  nextAt(now: number): number {
    let next = Infinity;
    for (const { running, dueAt, host } of this.entries.values()) {
      if (running) continue;
      const at = Math.max(dueAt, this.hosts.get(host)?.restUntil ?? 0);
      // What is due now waits for a place, and is looked at when one becomes free.
      if (at > now) next = Math.min(next, at);
    }
    return next;
  }

  /** Hosts that are waited for, by name. */
  waitingFor(now: number): { host: string; until: number; items: number }[] {
    const waiting = new Map<string, { host: string; until: number; items: number }>();
    for (const { host, running } of this.entries.values()) {
      const places = this.hosts.get(host);
      if (running || places === undefined || !places.isClosed || places.restUntil <= now) continue;
      const known = waiting.get(host) ?? { host, until: places.restUntil, items: 0 };
      waiting.set(host, { ...known, items: known.items + 1 });
    }
    return [...waiting.values()].sort((a, b) => b.items - a.items);
  }

  private get hasFresh(): boolean {
    return this.fresh.next < this.fresh.end;
  }

  /** What was tried before goes first: it was due before. */
  private nextPage(): PageRange | undefined {
    const index = this.pages.findIndex((page) => this.mayStart(page));
    return index < 0 ? this.nextFresh() : this.pages.splice(index, 1)[0];
  }

  private mayStart([, , name]: PageRange): boolean {
    if (name === undefined) return true;
    const host = this.hostOf(name);
    return host.pages < host.pageCap;
  }

  private nextFresh(): PageRange | undefined {
    const { next, end, size } = this.fresh;
    if (next >= end) return undefined;
    // Aligned, so that the pages of all runs of an import are the same.
    const to = Math.min(end, next - (next % size) + size);
    this.fresh.next = to;
    return [next, to - 1];
  }

  private startItems(kind: 'item' | 'own', now: number): Start[] {
    const tally = kind === 'own' ? 'own' : 'items';
    const waiting = new Map<string, Entry[]>();
    for (const entry of this.entries.values()) {
      if (entry.running || entry.own !== (kind === 'own') || entry.dueAt > now) continue;
      if ((this.hosts.get(entry.host)?.restUntil ?? 0) > now) continue;
      const ofHost = waiting.get(entry.host);
      if (ofHost === undefined) waiting.set(entry.host, [entry]);
      else ofHost.push(entry);
    }
    const starts: Start[] = [];
    while (this.counts[tally] < this.limits[tally]) {
      const entry = this.nextOf(waiting, kind);
      if (entry === undefined) break;
      const host = this.hostOf(entry.host);
      entry.running = true;
      host.items += 1;
      if (entry.own) host.own += 1;
      this.counts[tally] += 1;
      starts.push({ kind, seq: entry.seq, host: entry.host });
    }
    return starts;
  }

  /** The first item of the host with the fewest under way that has room. */
  private nextOf(waiting: ReadonlyMap<string, Entry[]>, kind: 'item' | 'own'): Entry | undefined {
    let next: Entry[] | undefined;
    let fewest = Infinity;
    for (const [name, entries] of waiting) {
      const host = this.hostOf(name);
      if (entries.length === 0 || host.items >= host.cap || host.items >= fewest) continue;
      // Long ones leave room for short ones of the same host.
      if (kind === 'own' && host.own >= this.shareOfOwn) continue;
      [next, fewest] = [entries, host.items];
    }
    return next?.shift();
  }

  private get shareOfOwn(): number {
    return Math.max(1, Math.min(Math.ceil(this.limits.own / 2), this.share - 2));
  }

  /** Pages of one host leave half of the places to others. */
  private get pageShare(): number {
    return Math.max(1, Math.floor(this.limits.pages / 2));
  }

  private get share(): number {
    return Math.max(1, Math.min(this.limits.ofHost, Math.floor(this.limits.items / 2)));
  }

  private hostOf(name: string): HostPlaces {
    const known = this.hosts.get(name);
    if (known !== undefined) return known;
    const host = {
      ...{ items: 0, own: 0, cap: this.share },
      ...{ pages: 0, pageCap: this.pageShare },
      ...{ restUntil: 0, isClosed: false, full: 0, long: 0 },
    };
    this.hosts.set(name, host);
    return host;
  }

  private expectLong(host: string): void {
    for (const entry of this.entries.values()) if (entry.host === host && !entry.running) entry.own = true;
  }

  /** What an item tells about the places at its host. */
  private learn(host: HostPlaces, { why, restMs }: ItemEnd, now: number): void {
    if (why === 'host_full') {
      host.cap = Math.max(1, Math.min(host.cap, host.items));
      host.restUntil = Math.max(host.restUntil, now + Math.min(LONGEST_FULL_MS, FULL_MS * 2 ** host.full));
      host.full += 1;
    } else if (restMs !== undefined) {
      Object.assign(host, { restUntil: now + restMs, isClosed: true, cap: 1, full: 0 });
    } else if (host.isClosed) {
      // The probe came back well, or the host was given up: all of its items may go.
      Object.assign(host, { restUntil: 0, isClosed: false, cap: this.share, full: 0 });
    } else {
      Object.assign(host, { restUntil: 0, cap: Math.min(this.share, host.cap + 1), full: 0 });
    }
  }
}

/** One more or one less, within bounds. */
function adjusted(cap: number, isMore: boolean, least: number, most: number): number {
  return isMore ? Math.min(most, cap + 1) : Math.max(least, cap - 1);
}
