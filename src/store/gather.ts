interface Waiting<In, Out> {
  readonly input: In;
  resolve(value: Out): void;
  reject(reason: unknown): void;
}

/**
 * Gathers single calls of this process into batches: what is called while a batch is under way goes into the next one, at most
 * `maxBatch` at a time, so that batches grow with the load and a single call is not delayed. `run` answers in the order of
 * its inputs; each caller gets its own outcome, and all callers of a batch get the error when `run` itself fails.
 */
export function createGatherer<In, Out>(
  maxBatch: number,
  run: (inputs: readonly In[]) => Promise<readonly PromiseSettledResult<Out>[]>,
): (input: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = [];
  let isRunning = false;

  const runOne = async (batch: readonly Waiting<In, Out>[]) => {
    try {
      const outcomes = await run(batch.map(({ input }) => input));
      batch.forEach((caller, index) => {
        const outcome = outcomes[index];
        if (outcome?.status === 'fulfilled') caller.resolve(outcome.value);
        else caller.reject(outcome?.reason ?? new Error('A gathered call got no outcome'));
      });
    } catch (error) {
      for (const caller of batch) caller.reject(error);
    }
  };

  const drain = async () => {
    while (waiting.length > 0) await runOne(waiting.splice(0, maxBatch));
    isRunning = false;
  };

  return (input) =>
    new Promise<Out>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      // Not at once: whatever this turn of the event loop still brings belongs into the same batch.
      setImmediate(() => void drain());
    });
}
