import { hostState } from './host-state.js';
import type { HostRecord } from './hosts.js';

/** One entry of `GET /hosts`. Keys without a value are absent. */
export interface HostBody {
  readonly host: string;
  readonly state: 'ok' | 'cooling' | 'probing';
  readonly coolingUntil?: string;
  /** Why its latest try failed. */
  readonly code?: string;
  /** Failures in a row. */
  readonly failures: number;
  /** Open items of the project. */
  readonly waiting: number;
  /** Slots that are taken, of `limit`. */
  readonly active: number;
  readonly limit: number;
  readonly message: string;
}

/** How a host is, as a project sees it that has items there. */
export function hostBody(record: HostRecord, { waiting, limit, now }: HostView): HostBody {
  const { host, total, trouble } = record;
  const state = hostState(record, now);
  const items = `${waiting} ${waiting === 1 ? 'item' : 'items'} waiting`;
  const common = {
    host,
    ...(trouble !== undefined && { code: trouble.code }),
    failures: trouble?.failures ?? 0,
    waiting,
    active: total,
    limit,
  };
  if (state.state === 'ok') return { ...common, state: 'ok', message: items };
  if (state.state !== 'cooling')
    return { ...common, state: 'probing', message: `one item at a time is tried, ${items}` };
  const coolingUntil = state.until.toISOString();
  return { ...common, state: 'cooling', coolingUntil, message: `cooling until ${clock(state.until)}, ${items}` };
}

export interface HostView {
  readonly waiting: number;
  readonly limit: number;
  readonly now: Date;
}

/** Hours and minutes in UTC, rounded up: a pause is never over before the time that is named. */
function clock(at: Date): string {
  return new Date(Math.ceil(at.getTime() / 60_000) * 60_000).toISOString().slice(11, 16);
}
