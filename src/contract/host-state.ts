import type { HostProbe, HostRecord } from './hosts.js';

/**
 * ok: it may be asked; cooling: nobody may ask it before `until`; due: the pause is over and one probe may go; probing: it is under
 * way, and decided by `until`.
 */
export type HostState =
  { readonly state: 'ok' | 'due' } | { readonly state: 'cooling' | 'probing'; readonly until: Date };

export function hostState(
  { trouble, restingUntil }: Pick<HostRecord, 'trouble' | 'restingUntil'>,
  now: Date,
): HostState {
  const { coolingUntil, probe } = trouble ?? {};
  const until = [coolingUntil, restingUntil].flatMap((date) =>
    date !== undefined && date > now ? [date.getTime()] : [],
  );
  if (until.length > 0) return { state: 'cooling', until: new Date(Math.max(...until)) };
  if (coolingUntil === undefined) return { state: 'ok' };
  return isUnderWay(probe, now) ? { state: 'probing', until: probe.until } : { state: 'due' };
}

/** Whether an item of the host may be tried: as usual, or as its probe. */
export function mayBeAsked(record: Pick<HostRecord, 'trouble' | 'restingUntil'>, now: Date): boolean {
  const { state } = hostState(record, now);
  return state === 'ok' || state === 'due';
}

function isUnderWay(probe: HostProbe | undefined, now: Date): probe is HostProbe {
  return probe !== undefined && probe.until > now;
}
