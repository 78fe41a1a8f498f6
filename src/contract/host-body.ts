import { hostState } from './host-state.js';
import type { HostRecord } from './hosts.js';
import type { OpenGroup } from './store.js';

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
