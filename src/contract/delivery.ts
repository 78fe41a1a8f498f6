import type { BatchCounts } from './batch.js';

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
  readonly state: DeliveryState;
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptAt?: Date;
  readonly createdAt: Date;
}

/** The published body of a webhook. */
export interface WebhookBody {
  readonly source: string;
  readonly id: string;
  readonly state: 'success' | 'failed';
  readonly overview: { readonly details: BatchCounts & { readonly total: number } };
  readonly context?: Record<string, unknown>;
}
