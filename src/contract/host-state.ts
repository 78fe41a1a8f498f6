import type { HostCircuit, HostProbe, HostRecord } from './hosts.js';

/**
 * A host that so many projects found closed at the same time speaks to the address of the service and not to single URLs: it is
 * left alone by all projects. One project may be one client, and two may be one client as well.
 */
const PROJECTS_FOR_ALL = 3;
/** How soon to look again when another attempt is the probe of a host, which takes a moment or, at worst, a minute. */
export const PROBE_LOOK_MS = 1_500;

/**
 * How a host is for one project. ok: it may be asked; cooling: it may not be asked before `until`; due: the pause is over and one
 * probe may go; probing: the probe is under way, and decided by `until`.
 */
export type HostState =
  | { readonly state: 'ok' | 'due' }
  | { readonly state: 'cooling'; readonly until: Date }
  | { readonly state: 'probing'; readonly until: Date };

export function hostState(
  { circuits, restingUntil }: Pick<HostRecord, 'circuits' | 'restingUntil'>,
  projectId: string,
  now: Date,
): HostState {
  const circuit = circuits.find((each) => each.projectId === projectId);
  const until = [restingUntil, circuit?.openUntil ?? sharedOpenUntil(circuits, now)].flatMap((date) =>
    date !== undefined && date > now ? [date.getTime()] : [],
  );
  if (until.length > 0) return { state: 'cooling', until: new Date(Math.max(...until)) };
  if (circuit?.openUntil === undefined) return { state: 'ok' };
  return isUnderWay(circuit.probe, now) ? { state: 'probing', until: circuit.probe.until } : { state: 'due' };
}

/** When the host is worth asking again, as milliseconds of the epoch: later than `now`, or 0 when it may be asked now. */
export function blockedUntil(state: HostState, now: Date): number {
  if (state.state === 'cooling') return state.until.getTime();
  if (state.state === 'probing') return Math.min(state.until.getTime(), now.getTime() + PROBE_LOOK_MS);
  return 0;
}

/** When the first of the open circuits of other projects lets a probe through, if so many are open that they count for all. */
function sharedOpenUntil(circuits: readonly HostCircuit[], now: Date): Date | undefined {
  const open = circuits.flatMap(({ openUntil }) => (openUntil !== undefined && openUntil > now ? [openUntil] : []));
  if (open.length < PROJECTS_FOR_ALL) return undefined;
  return new Date(Math.min(...open.map((at) => at.getTime())));
}

function isUnderWay(probe: HostProbe | undefined, now: Date): probe is HostProbe {
  return probe !== undefined && probe.until > now;
}
