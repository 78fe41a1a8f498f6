import { hostState, type HostCircuit } from '../../../src/domain/host.js';
import {
  afterAttempt,
  allowedConcurrency,
  claimProbe,
  exhaustedCircuit,
  type HostOutcome,
} from '../../../src/host-limits/circuit.js';
import { AGENDA_LIMITS, Agenda, type ItemEnd, type Start } from '../../../workflows/agenda.js';

/** `ms` is what an attempt takes. `recovers` refuses until `atMs`. */
export type HostBehaviour =
  | { readonly kind: 'good' | 'slow' | 'silent' | 'refusing' | 'limiting' | 'flapping'; readonly ms: number }
  | { readonly kind: 'recovers'; readonly ms: number; readonly atMs: number };

export interface SimulatedHost {
  readonly behaviour: HostBehaviour;
  readonly items: number;
}

const SLOTS = 8;
const LONG_SLOTS = 6;
const PATIENCE_MS = 1_000;
const SHORT_MS = 10_000;
const POLICY = { attempts: 10, initialMs: 1_000, maxMs: 300_000 };
const PROJECT = 'p';
/** A place may be idle beside due work for as long as the host's slots are asked for in vain, and a timer of the workflow. */
const IDLE_MS = 1_000 + 250;
/** Far more than any import of the simulation takes. */
const END_MS = 100 * 3_600_000;

interface Host extends SimulatedHost {
  circuits: readonly HostCircuit[];
  active: number;
  long: number;
  queue: { start: () => void; giveUp: () => void; until: number }[];
  idleSince: number | undefined;
}

/**
 * One import on one worker, in simulated time: the agenda of the workflow, the circuits and slots of hosts as they are, and sources
 * that behave as they are told. It looks after every step whether the laws of the flow hold.
 */
export function aSimulation(given: readonly SimulatedHost[], seed: number) {
  const random = aRandom(seed);
  const hosts: Host[] = given.map((host) => ({
    ...host,
    circuits: [],
    active: 0,
    long: 0,
    queue: [],
    idleSince: undefined,
  }));
  const items = hosts.flatMap((host, index) => Array.from({ length: host.items }, () => index));
  shuffle(items, random);
  const attemptsOf = items.map(() => 0);
  const settledAt = new Map<number, number>();
  const agenda = new Agenda(AGENDA_LIMITS);
  agenda.addItems(
    items.map((host, seq) => ({ seq, host: `h${host}` })),
    0,
  );
  const events: { at: number; run: () => void }[] = [];
  const violations: string[] = [];
  const most = { ofHost: 0, items: 0, own: 0, waitingWithPlace: 0 };
  const running = new Map<number, { host: number; kind: Start['kind'] }>();
  let now = 0;
  let attempts = 0;
  const at = (ms: number, run: () => void) => events.push({ at: now + ms, run });
  const date = () => new Date(now);

  function ended(seq: number, result: ItemEnd): void {
    running.delete(seq);
    if (result.state !== 'open') settledAt.set(seq, now);
    agenda.itemEnded(seq, result, now);
  }

  /** What the host limiter answers at once, when it does not let an item through. */
  function refusal(host: Host): ItemEnd | null {
    if (exhaustedCircuit(host.circuits, PROJECT, new Date(0), POLICY) !== null)
      return { state: 'failed', isHopeless: true };
    const state = hostState({ circuits: host.circuits }, PROJECT, date());
    if (state.state === 'cooling') return { state: 'open', why: 'host_rests', restMs: state.until.getTime() - now };
    if (state.state === 'probing') return { state: 'open', why: 'host_rests', restMs: 1_500 };
    return null;
  }

  function visit(seq: number, isLong: boolean): void {
    const host = hostOf(seq);
    const refused = refusal(host);
    if (refused !== null) {
      ended(seq, refused);
      return;
    }
    const isFull = (isLong && host.long >= LONG_SLOTS) || host.active >= allowedConcurrency(host.circuits, PROJECT);
    if (isFull) ended(seq, { state: 'open', why: 'host_full' });
    else if (host.active < SLOTS) enter(seq, isLong);
    else {
      const waiter = {
        until: now + PATIENCE_MS,
        start: () => {
          enter(seq, isLong);
        },
        giveUp: () => {
          ended(seq, { state: 'open', why: 'host_full' });
        },
      };
      host.queue.push(waiter);
      at(PATIENCE_MS, () => {
        const index = host.queue.indexOf(waiter);
        if (index < 0) return;
        host.queue.splice(index, 1);
        waiter.giveUp();
      });
    }
  }

  function enter(seq: number, isLong: boolean): void {
    const host = hostOf(seq);
    host.active += 1;
    if (isLong) host.long += 1;
    if (host.active > SLOTS) violations.push(`more than ${SLOTS} items of one host at ${now}`);
    const refused = refusal(host);
    const probe = `probe-${now}-${seq}`;
    host.circuits = claimProbe(host.circuits, PROJECT, probe, date());
    const isProbe = host.circuits.some((circuit) => circuit.probe?.token === probe);
    const leave = (result: ItemEnd) => {
      host.active -= 1;
      if (isLong) host.long -= 1;
      host.queue.shift()?.start();
      ended(seq, result);
    };
    if (refused !== null) {
      leave(refused);
      return;
    }
    attempts += 1;
    const beganAt = date();
    const { ms, outcome } = attemptAt(host, isLong, random, now);
    at(ms, () => {
      const before = { url: `u${seq}`, projectId: PROJECT, beganAt, probe: isProbe ? probe : undefined };
      host.circuits = afterAttempt(host.circuits, outcome, before, { now: date(), policy: POLICY });
      const state = hostState({ circuits: host.circuits }, PROJECT, date());
      const isGivenUp = exhaustedCircuit(host.circuits, PROJECT, new Date(0), POLICY) !== null;
      const isResting = state.state === 'cooling' && !isGivenUp;
      const rest = {
        ...(isResting && { restMs: state.until.getTime() - now }),
        ...(isGivenUp && { isHopeless: true }),
      };
      if (outcome.kind === 'answered') leave({ state: 'success', ...rest });
      else if (outcome.kind === 'unasked') leave({ state: 'open', why: 'needs_own', ...rest });
      else {
        const tried = (attemptsOf[seq] = (attemptsOf[seq] ?? 0) + 1);
        if (tried >= POLICY.attempts) leave({ state: 'failed', ...rest });
        else {
          const dueMs = Math.min(POLICY.maxMs, POLICY.initialMs * 2 ** (tried - 1) * (1 + random() * 0.1));
          leave({ state: 'open', why: 'retry', dueMs, ...rest });
        }
      }
    });
  }

  function hostOf(seq: number): Host {
    const host = hosts[items[seq] ?? 0];
    if (host === undefined) throw new Error('There is no such host');
    return host;
  }

  function look(): void {
    const counts = agenda.running;
    most.items = Math.max(most.items, counts.items);
    most.own = Math.max(most.own, counts.own);
    for (const [index, host] of hosts.entries()) {
      const mine = [...running.values()].filter((each) => each.host === index).length;
      most.ofHost = Math.max(most.ofHost, mine);
      const isClosed = refusal(host) !== null;
      if (isClosed) most.waitingWithPlace = Math.max(most.waitingWithPlace, mine - host.active - host.queue.length);
      const waiting = items.filter((each, seq) => each === index && !settledAt.has(seq) && !running.has(seq)).length;
      const isIdle =
        host.behaviour.kind === 'good' && !isClosed && waiting > 0 && host.active < SLOTS && counts.items < 50;
      host.idleSince = isIdle ? (host.idleSince ?? now) : undefined;
      if (host.idleSince !== undefined && now - host.idleSince > IDLE_MS)
        violations.push(`a place idle beside due work of host ${index} at ${now}`);
    }
  }

  return {
    run() {
      while (now < END_MS) {
        for (let starts = agenda.start(now); starts.length > 0; starts = agenda.start(now))
          for (const start of starts) {
            if (start.kind === 'page') throw new Error('The simulation has no pages');
            running.set(start.seq, { host: items[start.seq] ?? 0, kind: start.kind });
            visit(start.seq, start.kind === 'own');
          }
        look();
        const next = Math.min(agenda.nextAt(now), ...events.map((event) => event.at));
        if (next === Infinity) break;
        now = Math.max(now, next);
        for (const event of events.filter((each) => each.at <= now)) {
          events.splice(events.indexOf(event), 1);
          event.run();
        }
      }
      const times = (index: number) => [...settledAt].flatMap(([seq, ms]) => (items[seq] === index ? [ms] : []));
      return {
        violations,
        attempts,
        most,
        open: items.length - settledAt.size,
        settledTimes: [...settledAt.values()].sort((a, b) => a - b),
        lastSettledOf: (index: number) => Math.max(...times(index)),
      };
    },
  };
}

/** What one attempt takes, and what it tells. */
function attemptAt(
  { behaviour }: Host,
  isLong: boolean,
  random: () => number,
  now: number,
): { ms: number; outcome: HostOutcome } {
  const ms = behaviour.ms * (0.9 + random() * 0.2);
  // Longer than a short place allows: it moves to a place of its own.
  if (!isLong && ms > SHORT_MS) return { ms: SHORT_MS, outcome: { kind: 'unasked' } };
  const refused: HostOutcome = { kind: 'down', code: 'connect_failed' };
  switch (behaviour.kind) {
    case 'silent':
      return { ms, outcome: { kind: 'silent', code: 'timeout' } };
    case 'refusing':
      return { ms, outcome: refused };
    case 'limiting':
      return { ms, outcome: random() < 0.5 ? { kind: 'busy', code: 'rate_limited' } : { kind: 'answered' } };
    case 'flapping':
      return { ms, outcome: random() < 0.4 ? refused : { kind: 'answered' } };
    case 'recovers':
      return { ms, outcome: now < behaviour.atMs ? refused : { kind: 'answered' } };
    case 'good':
    case 'slow':
      return { ms, outcome: { kind: 'answered' } };
  }
}

/** A linear congruential generator (Numerical Recipes): the same numbers for the same seed. */
function aRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffle(values: number[], random: () => number): void {
  for (let index = values.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [values[index], values[other]] = [values[other] ?? 0, values[index] ?? 0];
  }
}
