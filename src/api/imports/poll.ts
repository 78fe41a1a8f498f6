import { setTimeout as pause } from 'node:timers/promises';
import type { ListedBatch } from '../../store/store.js';
import { tokenOf, type RequestContext } from '../context.js';
import { untilAnswered } from '../places.js';

/** Most seconds that a client may ask to wait: below the time limits of usual proxies. */
const MAX_WAIT_SECONDS = 30;
/** Progress is asked of a run once a second at most. */
const LOOK_MS = 1_000;
/** RFC 7240 section 4.3. */
const WAIT = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i;

/** Waits for a change of what `read` answers when the client asks for it (`Prefer: wait=20`), and answers what it read last. */
export type WaitForChange = <T>(
  ctx: RequestContext,
  read: () => Promise<T>,
  /** What a change is a change of; null when nothing will change any more. */
  fingerprint: (read: T) => string | null,
) => Promise<T>;

/**
 * @param perProject requests of one project that may wait at a time; a further one is answered at once
 * @param stopping ends all waits: the gateway drains
 */
export function createWaitForChange(perProject: number, stopping: AbortSignal): WaitForChange {
  const waiting = new Map<string, number>();

  return async (ctx, read, fingerprint) => {
    ctx.vary('Prefer');
    const [, asked] = WAIT.exec(ctx.get('prefer')) ?? [];
    const first = await read();
    const before = fingerprint(first);
    const { projectId } = tokenOf(ctx.state);
    const others = waiting.get(projectId) ?? 0;
    if (asked === undefined || (before !== null && (others >= perProject || stopping.aborted))) return first;
    const seconds = Math.min(MAX_WAIT_SECONDS, Number(asked));
    ctx.set('Preference-Applied', `wait=${seconds}`);
    if (before === null) return first;

    const gone = new AbortController();
    untilAnswered(ctx.res, () => {
      gone.abort();
    });
    const over = AbortSignal.any([gone.signal, stopping, AbortSignal.timeout(seconds * 1_000)]);
    waiting.set(projectId, others + 1);
    try {
      for (;;) {
        await pause(LOOK_MS, undefined, { signal: over }).catch(() => undefined);
        if (gone.signal.aborted) return first;
        const next = await read();
        if (over.aborted || fingerprint(next) !== before) return next;
      }
    } finally {
      const left = (waiting.get(projectId) ?? 1) - 1;
      if (left === 0) waiting.delete(projectId);
      else waiting.set(projectId, left);
    }
  };
}

/** An import that has run for so long is looked at again after so many seconds. Most end within the first. */
const RETRY_AFTER: readonly (readonly [ranMs: number, seconds: number])[] = [
  [120_000, 15],
  [10_000, 5],
  [0, 1],
];

/** Tells a client that polls an import when another look is worth while; nothing when it has ended. */
export function setRetryAfter(
  ctx: RequestContext,
  { createdAt, finishedAt }: Pick<ListedBatch, 'createdAt' | 'finishedAt'>,
) {
  if (finishedAt !== undefined) return;
  const ranMs = Math.max(0, Date.now() - createdAt.getTime());
  const [, seconds = 1] = RETRY_AFTER.find(([from]) => ranMs >= from) ?? [];
  ctx.set('Retry-After', String(seconds));
}
