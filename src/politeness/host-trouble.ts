import { hostState } from '../contract/host-state.js';
import type { HostTrouble } from '../contract/hosts.js';
import type { HostFailure, HostOutcome } from './host-outcome.js';

export interface PausePolicy {
  /** Failed tries after which waiting has an end: those that an item gets. */
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** A host fails for one URL now and then; ten in a row, of whatever URLs, are what one item gets at most. */
export const OPEN_AFTER = 10;
/** Connection, TLS and headers take 40 s at most with the defaults. A probe that is not back by then has died with its worker. */
const PROBE_MS = 60_000;

/** Claims the probe of a host that is due for one; the same trouble is given back when there is none to claim. */
export function claimProbe(trouble: HostTrouble | undefined, token: string, now: Date): HostTrouble | undefined {
  if (trouble === undefined || hostState({ trouble }, now).state !== 'due') return trouble;
  return { ...trouble, probe: { token, until: new Date(now.getTime() + PROBE_MS) } };
}

/**
 * What is wrong with a host after an attempt.
 * @param probe the token of the attempt when it was let through as a probe
 */
export function afterAttempt(
  trouble: HostTrouble | undefined,
  outcome: HostOutcome,
  { probe, now, policy }: { probe?: string | undefined; now: Date; policy: PausePolicy },
): HostTrouble | undefined {
  const isProbe = probe !== undefined && trouble?.probe?.token === probe;
  if (outcome.kind === 'answered') return isProbe || trouble?.coolingUntil === undefined ? undefined : trouble;
  if (outcome.kind === 'unasked') return isProbe ? { ...trouble, probe: undefined } : trouble;
  // Begun before the pause: it says nothing new, except that the host may ask for a longer one.
  if (!isProbe && trouble?.coolingUntil !== undefined) return lengthened(trouble, outcome, now);
  if (!isProbe && outcome.kind === 'silent') return trouble;
  const { pauses = 0, tries = [], since = now, failures = 0 } = trouble ?? {};
  const counted = { code: outcome.code, failures: failures + 1, since, pauses, tries };
  const mayBeTheUrl = !isProbe && outcome.kind === 'down' && counted.failures < OPEN_AFTER;
  return mayBeTheUrl ? counted : paused(counted, outcome, { now, policy });
}

/** Begins a pause: as an item's, doubling, or what the host asked for, whichever is longer. It needs no jitter: one item ends it. */
function paused(
  { pauses, tries, ...trouble }: HostTrouble,
  { retryAfterMs = 0 }: HostFailure,
  { now, policy }: { now: Date; policy: PausePolicy },
): HostTrouble {
  const backoffMs = Math.min(policy.maxMs, policy.initialMs * 2 ** pauses);
  return {
    ...trouble,
    pauses: pauses + 1,
    coolingUntil: new Date(now.getTime() + Math.max(backoffMs, retryAfterMs)),
    tries: [...tries, now].slice(-policy.attempts),
  };
}

function lengthened(trouble: HostTrouble, { retryAfterMs }: HostFailure, now: Date): HostTrouble {
  if (retryAfterMs === undefined) return trouble;
  const until = new Date(now.getTime() + retryAfterMs);
  if (trouble.coolingUntil === undefined || until <= trouble.coolingUntil) return trouble;
  return { ...trouble, coolingUntil: until };
}

/** How often the host was tried in vain since then, as far as it is known: up to the attempts of the policy. */
export function triesSince({ tries }: HostTrouble, since: Date): number {
  return tries.filter((at) => at >= since).length;
}
