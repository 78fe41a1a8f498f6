/**
 * Runs `work` over all entries in order, at most `width` at a time. Bounded, because the cost of a workflow task grows with
 * the number of activities in flight. The first failure rejects only after every running entry has ended, so that nothing is
 * in flight when the workflow decides what to do about it.
 */
export async function inLanes<T>(
  entries: readonly T[],
  width: number,
  work: (entry: T) => Promise<void>,
): Promise<void> {
  const queue = entries.values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const entry of queue) {
      if (failures.length > 0) return;
      try {
        await work(entry);
      } catch (failure) {
        failures.push(failure);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, entries.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
