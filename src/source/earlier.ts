import type { KeptPart } from '../contract/blob-part.js';
import type { ReadPart } from './read-back.js';

/** What earlier attempts have left. */
export interface Earlier {
  /** What the answer's body is to be the rest of; null when the whole body is asked for. */
  readonly begun: ReadPart | null;
  /** The part that was found, whether it is resumed or not. */
  readonly found: KeptPart | null;
}
