/** One line of a batch that is posted as lines: an item as it was written, or why it cannot be read. Lines count from 1. */
export type ImportLine = {
  readonly line: number;
  /** What it takes in the body, for whoever has to bound how much is held at a time. */
  readonly bytes: number;
} & ({ readonly item: unknown } | { readonly problem: string });

/** A line that was left out of a batch, and why. */
export interface RejectedLine {
  readonly line: number;
  readonly error: string;
}
