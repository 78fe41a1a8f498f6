import type { Priority } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import { DEFAULT_PRIORITY } from '../src/contract/priority.js';

/** Items of a page by default. */
const ITEMS_OF_A_TURN = 50;

/**
 * Temporal counts turns in tasks, whatever they hold. The activity of one item takes a fiftieth of what a page takes, so that a
 * small batch is not made to wait for one page of another project after each of its items. Fields that are absent are inherited.
 */
export function turnOfItem(): Priority {
  return { fairnessWeight: (workflowInfo().priority?.fairnessWeight ?? 1) * ITEMS_OF_A_TURN };
}

/** A webhook is a short request that a client waits for: never less urgent than usual, however little its batch was. */
export function turnOfWebhook(): Priority {
  return { priorityKey: Math.min(DEFAULT_PRIORITY, workflowInfo().priority?.priorityKey ?? DEFAULT_PRIORITY) };
}
