import type { Kind } from '../domain/import.js';
import type { CollectedBytes, CollectedRecords, ProbedMedia } from './activity-api.js';

/** Names that are wire format between gateway, worker and every stored history. Changing one needs a new type or `patched()`. */
export const WORKFLOWS = {
  importBatch: 'importBatch',
  deliverWebhook: 'deliverWebhook',
  collectGarbage: 'collectGarbage',
} as const;
export const STATUS_QUERY = 'status';
/** What an import is told while it runs. Cancelling it is Temporal's own request, which needs no worker. */
export const UPDATES = { pause: 'pause', resume: 'resume', retry: 'retry' } as const;
/** Why an import refuses an update, as the type of the failure: it is being cancelled; it is about to end and cannot be paused. */
export const REFUSALS = { cancelled: 'BeingCancelled', ending: 'Ending' } as const;

/** The answer to pause and resume. */
export interface PauseResult {
  /** False when the import was paused, or not paused, already. */
  readonly hasChanged: boolean;
}

/** The workflow of one batch. */
export function importWorkflowId(projectId: string, batchId: string): string {
  return `import/${projectId}/${batchId}`;
}

/**
 * The workflow that delivers one webhook message of a batch; it outlives the import.
 * @param generation of the message: 1 for the first end of the import, one more each time it was opened again
 * @param redelivery 0 for the first delivery of the message, one more each time an operator has it sent again
 */
export function webhookWorkflowId(projectId: string, batchId: string, generation = 1, redelivery = 0): string {
  const id = `webhook/${projectId}/${batchId}`;
  const message = generation === 1 ? id : `${id}/${generation}`;
  return redelivery === 0 ? message : `${message}/again/${redelivery}`;
}

/**
 * The task queues of a worker, by what they are for. Workflows, and the short steps that steer them, are on the base queue; each kind of
 * work has slots of its own, so that none waits behind another.
 */
export const TASK_QUEUES = ['control', 'webhooks', 'pages', 'items', 'downloads', 'collection'] as const;
export type TaskQueueKind = (typeof TASK_QUEUES)[number];

/** @param base `TEMPORAL_TASK_QUEUE` */
export function taskQueueOf(base: string, kind: TaskQueueKind): string {
  return kind === 'control' ? base : `${base}/${kind}`;
}

/** The Schedule that collects garbage; Temporal adds the time of each run to the name of its workflow. */
export const GARBAGE_SCHEDULE = 'collect-garbage';
/** The workflow of a collection that an operator asked for; one at a time. */
export const GARBAGE_WORKFLOW_NOW = 'collect-garbage/now';

/** Search attributes, registered when the server starts; they hold ids, states, counts, codes and host names only. */
export const SEARCH_ATTRIBUTES = {
  ProjectId: 'Keyword',
  ImportKind: 'Keyword',
  ImportState: 'Keyword',
  ItemsFailed: 'Int',
  ItemsOpen: 'Int',
  Trouble: 'KeywordList',
} as const;

/** All that a workflow is told: a claim check. URLs, headers, metadata and context stay in MongoDB. */
export interface ImportBatchInput {
  readonly projectId: string;
  readonly batchId: string;
  readonly kind: Kind;
  readonly itemCount: number;
  /** What the gateway knows of the items, which spares a first plan. */
  readonly first?: FirstPlan;
  /**
   * Address of the import's page, for the Temporal UI. Absent in runs that were started before 0.4.0: those change no search
   * attributes that a server of then does not know, and replay as they were recorded.
   */
  readonly page?: string;
  /** The retry that this run was started for, after the import had ended. */
  readonly retry?: number;
  /** Set by continue-as-new only. */
  readonly resume?: ImportProgress;
}

/** How a batch that was just stored begins. */
interface FirstPlan {
  /** Of each item, in request order; absent for batches that begin with pages. */
  readonly hosts?: readonly string[];
  /** Items of a page. */
  readonly pageSize: number;
  /** How many single items of one host are worth starting at a time. */
  readonly ofHost: number;
}

export interface Counts {
  readonly total: number;
  readonly open: number;
  readonly success: number;
  readonly skipped: number;
  readonly failed: number;
}

/** What the workflow knows about its batch; the answer of the status query and what continue-as-new carries on. */
export interface ImportProgress {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly round: number;
  readonly counts: Counts;
  readonly bytes: number;
  /** The first item of the round that has not been planned yet, in workflows before 0.3.0. */
  readonly nextSeq: number;
  /** Items from here on were never tried. Absent before 0.3.0. */
  readonly freshFrom?: number;
  /** What was settled lately: [seconds since 1970, items, bytes], one entry for ten seconds, those of the last minute. */
  readonly recent?: readonly (readonly [at: number, items: number, bytes: number])[];
  /** ISO 8601; there while the import is paused. */
  readonly pausedAt?: string;
  /** Numbers of retries that are still to be performed. */
  readonly retries?: readonly number[];
  /** Hosts that are waited for, those with the most items first; ISO 8601 times. */
  readonly waitingFor?: readonly { readonly host: string; readonly until: string; readonly items: number }[];
}

export interface DeliverWebhookInput {
  readonly projectId: string;
  readonly batchId: string;
  readonly webhookId: string;
  /** Pause before the next attempt, milliseconds. */
  readonly delayMs: number;
  /** The number of that attempt; 1 when absent. */
  readonly attempt?: number;
  /** Which redelivery of the message it is; absent for the first delivery. */
  readonly redelivery?: number;
}

/** What a collection removed. */
export interface CollectedGarbage extends CollectedRecords {
  readonly blobs: CollectedBytes;
  readonly parts: CollectedBytes;
  /** Absent in collections of earlier versions. */
  readonly probed?: ProbedMedia;
}

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
