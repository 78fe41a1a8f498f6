import type { PostedItem } from './import-request.js';

/** One line of a batch that is posted as lines: an item as it was written, or why it cannot be read. Lines count from 1. */
export type ImportLine = PostedItem & { readonly line: number };

/** A line that was left out of a batch, and why. */
export interface RejectedLine {
  readonly line: number;
  readonly error: string;
}
