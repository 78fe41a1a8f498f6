import { ApiError } from '../domain/api-error.js';

/** So long may work go on before others are served. Requests that are not long loops take a few milliseconds each. */
const SLICE_MS = 20;

/*
 * Of the process, because its event loop is: fifty long loops together take no more of each turn than one does.
 */
const waiting: (() => void)[] = [];
/** When the first long loop of this turn of the event loop began; undefined when none has yet. */
let beganAt: number | undefined;

/**
 * Called by a long loop before each step. Answers nothing when the step may follow at once, else a promise that is to be awaited first:
 * meanwhile the event loop serves everybody else, and other loops that wait go first. A step should take a few milliseconds at most.
 */
export function giveWay(): Promise<void> | undefined {
  const now = performance.now();
  if (beganAt === undefined) {
    beganAt = now;
    setImmediate(nextTurn);
  }
  if (now - beganAt < SLICE_MS) return undefined;
  return new Promise((resolve) => waiting.push(resolve));
}

/** One loop a turn, in order: each has the whole slice, and what one leaves of it costs a turn that has nothing else to do. */
function nextTurn(): void {
  beganAt = undefined;
  const next = waiting.shift();
  if (next === undefined) return;
  next();
  if (waiting.length === 0) return;
  beganAt = performance.now();
  setImmediate(nextTurn);
}

/**
 * What a project may hold, in parts of what is left free beside it (dynamic thresholds, as switches share their buffers): a quarter for
 * what stays until a request ends, half of it together with what is given back sooner. A project alone keeps at most a fifth of
 * all; the next one then finds four fifths of that, and so on: the seventh still finds a twentieth. What is kept never takes the room
 * in which chunks are stored, so a request that waits for that room waits for requests that make progress.
 */
const KEPT_OF_FREE = 1 / 4;
const LENT_OF_FREE = 1 / 2;

/** A fifth of it has room for the text of the largest JSON body, 16 MiB. A smaller setting counts as this. */
const LEAST_BYTES = 96 * 1024 ** 2;

/** Storing a chunk takes a second at a bad time. Who waits longer than this waits for a database that is not well. */
const WAIT_MS = 10_000;
const RETRY_AFTER_SECONDS = 5;

/** What one request holds. All numbers are bytes as they lie in memory. */
export interface BodyRoom {
  /**
   * Takes room for what stays until the request ends, or until its client has sent more.
   * @throws ApiError 413 (more than one request may have), 429 (other requests of the project have it), 503 (other projects do)
   */
  keep(bytes: number): void;
  /** Gives back what was kept. */
  letGo(bytes: number): void;
  /** Takes room for a chunk, which is given back when it is stored. Answers whether there was any. */
  tryTake(bytes: number): boolean;
  /** As `tryTake`, and waits for up to 10 s. @throws ApiError as `keep` */
  take(bytes: number): Promise<void>;
  /** Gives back what was taken. */
  give(bytes: number): void;
  /** Gives all back. */
  close(): void;
}

/** Room for the bodies of requests, shared fairly between projects. */
export interface BodyMemory {
  /** Opens the account of a request. It holds nothing yet. */
  open(projectId: string): BodyRoom;
}

interface Held {
  kept: number;
  lent: number;
}

type Use = keyof Held;

interface Account extends Held {
  readonly projectId: string;
}

interface Waiter {
  readonly account: Account;
  readonly bytes: number;
  readonly go: () => void;
}

/** @param totalBytes what all requests of a process may hold at a time */
export function createBodyMemory(totalBytes: number): BodyMemory {
  const total = Math.max(totalBytes, LEAST_BYTES);
  const projects = new Map<string, Held>();
  const waiters = new Set<Waiter>();
  let taken = 0;

  const ofProject = ({ projectId }: Account): Held => projects.get(projectId) ?? { kept: 0, lent: 0 };

  /** Whether there is room beside what is held in the same name and by others. */
  const fits = (use: Use, { kept, lent }: Held, byOthers: number, bytes: number): boolean => {
    const free = total - byOthers - kept - lent - bytes;
    if (use === 'lent') return kept + lent + bytes <= free * LENT_OF_FREE;
    // What the project has in chunks will be given back.
    return free >= 0 && kept + bytes <= (free + lent) * KEPT_OF_FREE;
  };

  const change = (account: Account, use: Use, bytes: number) => {
    const project = ofProject(account);
    projects.set(account.projectId, project);
    account[use] += bytes;
    project[use] += bytes;
    taken += bytes;
    if (project.kept + project.lent === 0) projects.delete(account.projectId);
  };

  const tryTake = (account: Account, use: Use, bytes: number): boolean => {
    const project = ofProject(account);
    const hasRoom = fits(use, project, taken - project.kept - project.lent, bytes);
    if (hasRoom) change(account, use, bytes);
    return hasRoom;
  };

  const refusal = (account: Account, use: Use, bytes: number): ApiError => {
    if (!fits(use, account, 0, bytes))
      return new ApiError(413, {
        body: 'The body takes more memory than one request may have, post fewer items at a time',
      });
    const later = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
    const project = ofProject(account);
    if (fits(use, account, taken - project.kept - project.lent, bytes))
      return new ApiError(429, { body: 'Other requests of the project take all the memory that it may have' }, later);
    return new ApiError(
      503,
      { body: 'The bodies of other requests take all the memory that there is for them' },
      later,
    );
  };

  const giveBack = (account: Account, use: Use, bytes: number) => {
    change(account, use, -bytes);
    for (const waiter of waiters) {
      if (!tryTake(waiter.account, 'lent', waiter.bytes)) continue;
      waiters.delete(waiter);
      waiter.go();
    }
  };

  const wait = (account: Account, bytes: number) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.delete(waiter);
        reject(refusal(account, 'lent', bytes));
      }, WAIT_MS);
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      const waiter: Waiter = { account, bytes, go };
      waiters.add(waiter);
    });

  return {
    open(projectId) {
      const account: Account = { projectId, kept: 0, lent: 0 };
      return {
        keep(bytes) {
          if (!tryTake(account, 'kept', bytes)) throw refusal(account, 'kept', bytes);
        },
        letGo(bytes) {
          giveBack(account, 'kept', bytes);
        },
        tryTake: (bytes) => tryTake(account, 'lent', bytes),
        async take(bytes) {
          if (tryTake(account, 'lent', bytes)) return;
          if (!fits('lent', account, 0, bytes)) throw refusal(account, 'lent', bytes);
          await wait(account, bytes);
        },
        give(bytes) {
          giveBack(account, 'lent', bytes);
        },
        close() {
          giveBack(account, 'kept', account.kept);
          giveBack(account, 'lent', account.lent);
        },
      };
    },
  };
}
