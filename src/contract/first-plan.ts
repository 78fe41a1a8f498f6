import type { FirstPlan } from './workflow-names.js';

/** From here on a batch keeps 8 pages busy for long with pages of twice the size. */
const LARGE_ITEMS = 5_000;

/** What gateway and worker have to agree on, from the same variables; where they differ, imports only begin less well. */
export interface PlanSettings {
  /** With more due items than this they are tried in pages. */
  readonly sweepAbove: number;
  /** Items of a page. */
  readonly sweepPage: number;
  /** Items of one host that may be under way at a time in all workers. */
  readonly hostMaxConcurrent: number;
}

/**
 * How a batch begins, from what the gateway knows of it.
 * @param hosts of the first items in request order; of all of them when they are at most `sweepAbove`
 */
export function firstPlan(settings: PlanSettings, itemCount: number, hosts: readonly string[]): FirstPlan {
  const { sweepAbove, sweepPage, hostMaxConcurrent: ofHost } = settings;
  const size = pageSize(sweepPage, itemCount);
  if (itemCount > sweepAbove || hosts.length !== itemCount) return { pageSize: size, ofHost };
  return { hosts, pageSize: size, ofHost };
}

/**
 * Items of a page of a batch. A page costs about six events and as many writes of Temporal whatever is in it, which a batch that
 * has enough pages to keep all places busy halves.
 * @param sweepPage items of a page as configured
 */
export function pageSize(sweepPage: number, itemCount: number): number {
  return itemCount > LARGE_ITEMS ? 2 * sweepPage : sweepPage;
}
