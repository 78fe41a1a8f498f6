/** How urgent a batch is: Temporal's five priority keys, 1 first. A more urgent task never waits for a less urgent one. */
export const MOST_URGENT = 1;
export const LEAST_URGENT = 5;
/** What a batch has that asks for none; Temporal's own default. */
export const DEFAULT_PRIORITY = 3;

/** The scope of tokens whose batches may pass those of other projects. */
export const URGENT_SCOPE = 'priority:urgent';

/**
 * The priority of a batch, given what its client asks for. More urgent than usual passes other projects, and Temporal has no order
 * that holds within one project alone; so without the scope it counts as the usual one, and less urgent stays what it is.
 */
export function grantedPriority(asked: number | undefined, mayBeUrgent: boolean): number | undefined {
  return asked === undefined || mayBeUrgent ? asked : Math.max(DEFAULT_PRIORITY, asked);
}

/** Batches that were stored before there were priorities have none. */
export function priorityOf({ priority = DEFAULT_PRIORITY }: { readonly priority?: number }): number {
  return priority;
}
