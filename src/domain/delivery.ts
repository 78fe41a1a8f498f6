import type { BatchCounts } from './import.js';

export type DeliveryState = 'pending' | 'delivered' | 'exhausted' | 'disabled';

export interface DeliveryAttempt {
  readonly at: Date;
  readonly durationMs: number;
  /** HTTP status of the receiver, absent when there was no answer. */
  readonly status?: number;
  /** A closed word for what went wrong, never a body or an address. */
  readonly error?: string;
}

/** One webhook message: a document of the `deliveries` collection, `_id` is the `webhook-id`. */
export interface Delivery {
  readonly _id: string;
  readonly projectId: string;
  readonly batchId: string;
  /** Which end of the import the message tells: 1 for the first, one more after each reset. Absent in messages of earlier releases. */
  readonly generation?: number;
  /**
   * The JSON text that every attempt sends, as it was when the message was opened: a later end of the import is another message.
   * Absent in messages of earlier releases.
   */
  readonly body?: string;
  readonly state: DeliveryState;
  /** The latest ones, at most 100. */
  readonly attempts: readonly DeliveryAttempt[];
  /** How often an operator had it sent again. Each time has a workflow of its own, and the one before does nothing more. */
  readonly redeliveries?: number;
  readonly nextAttemptAt?: Date;
  readonly createdAt: Date;
  /** There until the workflow of the delivery is known to exist: a gateway starts it when nothing else has. */
  readonly unstartedSince?: Date;
}

export interface DeliveryStore {
  /** Creates the message if it does not exist and answers it as it is stored: body and generation of the first call stand. */
  open(delivery: Pick<Delivery, '_id' | 'projectId' | 'batchId' | 'generation' | 'body'>): Promise<Delivery>;
  /** The workflow of the delivery exists. */
  markStarted(webhookId: string): Promise<void>;
  /** Messages opened before the given time whose workflow was not confirmed, oldest first, without their bodies. */
  findUnstarted(before: Date, limit: number): Promise<Delivery[]>;
  /**
   * Opens the latest message of a batch again, whatever became of it, and answers it without its body; null when there is none.
   */
  redeliver(projectId: string, batchId: string): Promise<Delivery | null>;
  /**
   * Logs an attempt. The state of a message that has been opened again meanwhile stays as it is.
   * @param by the import itself, or the workflow of a delivery, which exists then: 0 for the first, else the number of the redelivery
   */
  record(
    webhookId: string,
    attempt: DeliveryAttempt,
    state: DeliveryState,
    nextAttemptAt: Date | null,
    by: 'import' | number,
  ): Promise<void>;
  /** Oldest first. */
  listByBatch(projectId: string, batchId: string): Promise<Delivery[]>;
  removeAll(batchId: string): Promise<void>;
}

/** The published body of a webhook. */
export interface WebhookBody {
  readonly type: 'import.finished';
  /** ISO 8601: the end of the import. */
  readonly timestamp: string;
  readonly source: string;
  readonly id: string;
  readonly state: 'success' | 'failed';
  readonly overview: { readonly details: BatchCounts & { readonly total: number } };
  readonly context?: Record<string, unknown>;
}
