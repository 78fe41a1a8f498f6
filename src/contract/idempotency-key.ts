/**
 * new: this POST may go on under its batch id; replay: the key was used with the same body and led to `batchId`; mismatch: with
 * another body; lapsed: by a POST that was not completed in time and may have got through all the same, so that its batch has to be
 * looked up; busy: the first POST is still being handled.
 */
export type KeyClaim =
  | { readonly outcome: 'new' | 'replay'; readonly batchId: string }
  | { readonly outcome: 'lapsed'; readonly batchId: string; readonly isSameBody: boolean }
  | { readonly outcome: 'mismatch' }
  | { readonly outcome: 'busy' };

/** As KeyClaim, for a body whose hash is not known yet. */
export type KeyReservation =
  | { readonly outcome: 'new' }
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'settled' | 'lapsed'; readonly batchId: string; readonly bodyHash: string };

/** Claims and their leases are measured by the clock of the database, whatever those of the gateways say. */
export interface IdempotencyKeyStore {
  /**
   * Claims (project, key) for a body hash and a batch id, for 24 h. A claim that was not completed in 60 s has lapsed: when its batch
   * turns out not to be accepted, `releaseLapsed` frees the key, and it can be claimed anew for another batch. A POST that was only
   * slow finds out when it seals.
   */
  claim(projectId: string, key: string, bodyHash: string, batchId: string): Promise<KeyClaim>;
  /**
   * Claims (project, key) for a body that is still to be read, until `seal` tells its hash. `settled`: the key led to `batchId` with a
   * body of this hash; `lapsed`: a POST that was not completed in time and may not have got through.
   */
  reserve(projectId: string, key: string, batchId: string): Promise<KeyReservation>;
  /**
   * To be called before the batch is accepted: tells the hash of the body that the key was reserved for, and answers false when the
   * claim is no longer that of this batch, so that it must not be accepted.
   */
  seal(projectId: string, key: string, batchId: string, bodyHash: string): Promise<boolean>;
  /** The POST that claimed the key for this batch is still being handled. */
  renew(projectId: string, key: string, batchId: string): Promise<void>;
  /** The import of this batch is durable. A key that has come to belong to another batch meanwhile stays as it is. */
  complete(projectId: string, key: string, batchId: string): Promise<void>;
  /** Frees the key of a POST that was refused, unless another POST uses it for another batch by now. */
  release(projectId: string, key: string, batchId: string): Promise<void>;
  /** Frees a key whose claim for this batch has lapsed and that no POST has taken over meanwhile. */
  releaseLapsed(projectId: string, key: string, batchId: string): Promise<void>;
  /** How many keys have expired and could be removed. */
  countExpired(): Promise<number>;
  /** Removes expired keys and answers how many, or fewer: the database's own expiry, or a try whose answer got lost, was there first. */
  removeExpired(): Promise<number>;
}
