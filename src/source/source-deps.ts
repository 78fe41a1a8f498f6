import type { BlobStore } from '../contract/blob-store.js';
import type { Reach } from '../contract/crash-points.js';
import type { Egress } from '../contract/egress.js';
import type { SourceLimits } from './source-limits.js';

export interface SourceDeps {
  readonly egress: Egress;
  readonly blobs: BlobStore;
  readonly limits: SourceLimits;
  /** Names the product to the operators of sources. */
  readonly userAgent?: string;
  readonly reach?: Reach;
}
