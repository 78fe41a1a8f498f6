export interface Countdown {
  /** Resolves when so many items are done. */
  start(items: number): Promise<void>;
  done(items: number): void;
  fail(error: unknown): void;
}

/** Tells when a run ends whose items come from a queue. One run at a time. */
export function createCountdown(): Countdown {
  let open = 0;
  let end: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  return {
    start: (items) =>
      new Promise((resolve, reject) => {
        open = items;
        end = { resolve, reject };
      }),
    done(items) {
      open -= items;
      if (open === 0) end?.resolve();
    },
    fail: (error) => end?.reject(error),
  };
}
