import { createHash } from 'node:crypto';
import type { ImportError, ReasonCode } from '../domain/errors.js';
import { hostState, type HostEvidence, type HostCircuit } from '../domain/host.js';

/**
 * What an attempt tells about its host. answered: it works, whatever it said about the URL; unasked: it was not asked, or the
 * failure was ours; else a failure, with what it is evidence of.
 */
export type HostOutcome = { readonly kind: 'answered' } | { readonly kind: 'unasked' } | HostFailure;

interface HostFailure {
  readonly kind: HostEvidence;
  readonly code: ReasonCode;
  readonly retryAfterMs?: number;
}

/** The server is there and cannot do its work, says RFC 9110 section 15.6. A 500 may be the fault of the one URL. */
const DOWN_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

const UNASKED: ReadonlySet<ReasonCode> = new Set([
  'url_not_allowed',
  'metadata_invalid',
  'storage_failed',
  'kind_conflict',
  'cancelled',
]);

/**
 * What the failure of an attempt tells about the host that failed. A certificate that is not valid counts as an answer: items
 * fail at once with it, and waiting would only make them late.
 */
export function hostOutcome({ code, details }: ImportError): HostOutcome {
  const { httpStatus, stage, retryAfterMs, isOurs = false } = details;
  if (isOurs) return { kind: 'unasked' };
  const failure = { code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  // 425 is about the one request (RFC 8470 section 5.2), not about the host.
  if (code === 'rate_limited' && httpStatus !== 425) return { kind: 'busy', ...failure };
  if (httpStatus === 503 && retryAfterMs !== undefined) return { kind: 'busy', ...failure };
  if (httpStatus !== undefined) return DOWN_STATUSES.has(httpStatus) ? { kind: 'down', ...failure } : ANSWERED;
  if (code === 'connect_failed' || code === 'dns_failed') return { kind: 'down', ...failure };
  if (code === 'timeout' && stage !== 'body') return { kind: stage === 'headers' ? 'silent' : 'down', ...failure };
  return UNASKED.has(code) ? { kind: 'unasked' } : ANSWERED;
}

const ANSWERED = { kind: 'answered' } as const;

export interface PausePolicy {
  /** Failed tries after which waiting for a host ends: as many as an item gets. */
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * How many different URLs have to fail in a row until the circuit opens. One URL, however often and from however many items, opens
 * nothing. Each silence costs 30 s of a slot, so it takes fewer of them; a host that answers 429 is first asked less often.
 */
const OPEN_AFTER: Readonly<Record<HostEvidence, number>> = { silent: 3, down: 5, busy: 6 };
/** From so many different URLs in a row on, a busy host gets fewer requests of the project at a time. */
const SLOW_AFTER = 3;
/** What a worker still asks a busy host at a time: enough to learn that it works again. */
const SLOW_CONCURRENCY = 2;
/** Circuits of one host that are remembered, the latest ones: far more projects than meet failures at one host at a time. */
const MAX_CIRCUITS = 100;
/** Connection, TLS and headers take 40 s at most with the defaults. A probe that is not back by then has died with its worker. */
const PROBE_MS = 60_000;

/** Tells URLs apart without keeping them: they carry secrets. */
export function urlDigest(url: string): string {
  return createHash('sha256').update(url).digest('base64url').slice(0, 12);
}

/** Claims the probe of a host that is due for one; the same circuits are given back when there is none to claim. */
export function claimProbe(
  circuits: readonly HostCircuit[],
  projectId: string,
  token: string,
  now: Date,
): readonly HostCircuit[] {
  if (hostState({ circuits }, projectId, now).state !== 'due') return circuits;
  const probe = { token, until: new Date(now.getTime() + PROBE_MS) };
  return circuits.map((circuit) => (circuit.projectId === projectId ? { ...circuit, probe } : circuit));
}

export interface Attempt {
  readonly projectId: string;
  /** `urlDigest` of the item's URL. */
  readonly url: string;
  readonly beganAt: Date;
  /** The token of the attempt when it was let through as a probe. */
  readonly probe?: string | undefined;
}

/** The circuits of a host after an attempt; the same ones when it says nothing new. */
export function afterAttempt(
  circuits: readonly HostCircuit[],
  outcome: HostOutcome,
  attempt: Attempt,
  { now, policy }: { now: Date; policy: PausePolicy },
): readonly HostCircuit[] {
  const { projectId } = attempt;
  const own = circuits.find((circuit) => circuit.projectId === projectId);
  const isProbe = attempt.probe !== undefined && own?.probe?.token === attempt.probe;
  const withOwn = (circuit: HostCircuit): readonly HostCircuit[] =>
    [...circuits.filter((each) => each.projectId !== projectId), circuit].slice(-MAX_CIRCUITS);

  if (outcome.kind === 'answered') {
    // An answer to any URL of any project shows that the host works, unless it was asked for before the failures began. It does not
    // show that the host has taken back the limit which it has set to another project.
    const isLimited = (circuit: HostCircuit): boolean =>
      circuit.evidence === 'busy' && circuit.openUntil !== undefined && circuit.projectId !== projectId;
    const left = circuits.filter(
      (circuit) => isLimited(circuit) || (attempt.beganAt < circuit.since && !(isProbe && circuit === own)),
    );
    return left.length === circuits.length ? circuits : left;
  }
  if (outcome.kind === 'unasked') return isProbe ? withOwn({ ...own, probe: undefined }) : circuits;
  // The circuit opened while this attempt was under way: it says nothing new.
  if (!isProbe && own?.openUntil !== undefined) return circuits;
  const counted = withFailure(own, outcome, attempt, now);
  const isOpening = isProbe || counted.urls.length >= OPEN_AFTER[outcome.kind];
  return withOwn(isOpening ? opened(counted, outcome, { now, policy }) : counted);
}

/** Evidence in a row: a host that answers 429 is not silent, so what it was silent to before does not count any more. */
function withFailure(
  own: HostCircuit | undefined,
  { kind, code }: HostFailure,
  { projectId, url }: Attempt,
  now: Date,
): HostCircuit {
  const isSame = own !== undefined && (own.evidence === 'busy') === (kind === 'busy');
  const { failures, urls, since, pauses, tries, openUntil } =
    isSame || own?.openUntil !== undefined ? own : { ...NONE, since: now, openUntil: undefined };
  return {
    projectId,
    evidence: kind,
    code,
    failures: failures + 1,
    urls: [...new Set([...urls, url])].slice(-Math.max(...Object.values(OPEN_AFTER))),
    since,
    pauses,
    tries,
    ...(openUntil !== undefined && { openUntil }),
  };
}

const NONE = { failures: 0, urls: [], pauses: 0, tries: [] };

/** Begins a pause: as an item's, doubling, or what the host asked for, whichever is longer. It needs no jitter: one item ends it. */
function opened(
  { pauses, tries, ...circuit }: HostCircuit,
  { retryAfterMs = 0 }: HostFailure,
  { now, policy }: { now: Date; policy: PausePolicy },
): HostCircuit {
  const backoffMs = Math.min(policy.maxMs, policy.initialMs * 2 ** pauses);
  return {
    ...circuit,
    pauses: pauses + 1,
    openUntil: new Date(now.getTime() + Math.max(backoffMs, retryAfterMs)),
    tries: [...tries, now].slice(-policy.attempts),
  };
}

/** How many items of the project one worker may ask of the host at a time. */
export function allowedConcurrency(circuits: readonly HostCircuit[], projectId: string): number {
  const own = circuits.find((circuit) => circuit.projectId === projectId);
  const isSlow = own?.evidence === 'busy' && own.openUntil === undefined && own.urls.length >= SLOW_AFTER;
  return isSlow ? SLOW_CONCURRENCY : Infinity;
}

/**
 * The open circuit of a host that was tried in vain as often as an item would be since a moment: its items there need not wait any
 * longer. So a thousand items of a dead host take about the time of one.
 * @returns null while there is hope
 */
export function exhaustedCircuit(
  circuits: readonly HostCircuit[],
  projectId: string,
  since: Date,
  { attempts }: PausePolicy,
): HostCircuit | null {
  const own = circuits.find((circuit) => circuit.projectId === projectId);
  if (own?.openUntil === undefined) return null;
  return own.tries.filter((at) => at >= since).length >= attempts ? own : null;
}
