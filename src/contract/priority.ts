/** How urgent a batch is: Temporal's five priority keys, 1 first. A more urgent task never waits for a less urgent one. */
export const MOST_URGENT = 1;
export const LEAST_URGENT = 5;
/** What a batch has that asks for none; Temporal's own default. */
export const DEFAULT_PRIORITY = 3;

/** Batches that were stored before there were priorities have none. */
export function priorityOf({ priority = DEFAULT_PRIORITY }: { readonly priority?: number }): number {
  return priority;
}
