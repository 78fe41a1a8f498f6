import { signal, useSignal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { RequestFailed } from './api/client.js';

/** Live updates stand still, everywhere, until they are let go on. */
export const isPaused = signal(false);

/** The time, moved on once a second for all that says "3 s ago". */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 1_000);

/** What a place shows of the API, and how fresh it is. */
export interface Live<T> {
  readonly data: Signal<T | null>;
  readonly error: Signal<RequestFailed | null>;
  /** When the data came, milliseconds since 1970; 0 before. */
  readonly at: Signal<number>;
  /** Asks again at once. */
  readonly refresh: () => void;
}

/** After a failure: soon enough to follow a restart, and no burden on a service in trouble. */
const AGAIN_MS = 2_000;

/**
 * Keeps asking while the tab is visible and live updates are not paused. What was shown stays when the service is away.
 * @param key what is asked for; with another key everything begins anew
 * @param every milliseconds to the next question; null for none
 */
export function useLive<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  every: (data: T) => number | null,
): Live<T> {
  const data = useSignal<T | null>(null);
  const error = useSignal<RequestFailed | null>(null);
  const at = useSignal(0);
  const ask = useRef<() => void>(() => undefined);

  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isAsking = false;
    let isWanted = false;
    data.value = null;
    error.value = null;

    const later = (ms: number | null): void => {
      clearTimeout(timer);
      if (ms === null) return;
      timer = setTimeout(() => {
        if (document.hidden || isPaused.peek()) later(ms);
        else void run();
      }, ms);
    };
    const run = async (): Promise<void> => {
      if (isAsking) {
        // What is under way may have begun before what the asker has just changed.
        isWanted = true;
        return;
      }
      isAsking = true;
      clearTimeout(timer);
      try {
        const found = await load(leaving.signal);
        if (leaving.signal.aborted) return;
        data.value = found;
        error.value = null;
        at.value = Date.now();
        now.value = Date.now();
        later(every(found));
      } catch (failure) {
        if (leaving.signal.aborted) return;
        error.value = failure instanceof RequestFailed ? failure : new RequestFailed(0, String(failure));
        // What the request itself is to blame for does not change by asking again.
        const isFinal = error.value.status >= 400 && error.value.status < 500 && error.value.status !== 429;
        later(isFinal ? null : AGAIN_MS);
      } finally {
        isAsking = false;
        if (isWanted && !leaving.signal.aborted) {
          isWanted = false;
          void run();
        }
      }
    };
    ask.current = () => void run();
    void run();
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [key]);

  return {
    data,
    error,
    at,
    refresh: () => {
      ask.current();
    },
  };
}
