/**
 * Named places between two effects, where a crash must do no harm. A process that is given one of them as CRASH_AT kills itself
 * there. docs/crash-points.md says what each lies between; test/e2e/crash-points holds what has to be true afterwards.
 */
export const CRASH_POINTS = [
  'after_claim_before_batch',
  'after_batch_before_items',
  'after_items_before_accept',
  'after_accept_before_start',
  'after_start_before_answer',
  'after_started_before_key',
  'after_key_before_answer',
  'after_checkpoint_before_rest',
  'after_part_before_blob',
  'after_blob_before_media',
  'after_media_before_settle',
  'after_settle_before_complete',
  'after_attempt_before_complete',
  'after_finish_before_complete',
  'before_webhook',
  'after_webhook_before_log',
  'after_log_before_complete',
  'after_condemn_before_remove',
  'after_remove_before_forget',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Called where the process has come to a crash point; does nothing unless it was told to die there. */
export type Reach = (point: CrashPoint) => void;
