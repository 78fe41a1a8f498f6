/**
 * new: this POST may go on under `batchId`; replay: the key was used with the same body and led to `batchId`; mismatch: with
 * another body; lapsed: with another body, by a POST that was not completed in time and may not have got through; busy: the
 * first POST is still being handled.
 */
export type KeyClaim =
  | { readonly outcome: 'new' | 'replay' | 'lapsed'; readonly batchId: string }
  | { readonly outcome: 'mismatch' }
  | { readonly outcome: 'busy' };

/** As KeyClaim, for a body whose hash is not known yet. */
export type KeyReservation =
  | { readonly outcome: 'new' }
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'settled' | 'lapsed'; readonly batchId: string; readonly bodyHash: string };

export interface IdempotencyKeyStore {
  /**
   * Claims (project, key) for a body hash and a proposed batch id, for 24 h. A claim that was not completed in 60 s can be taken
   * over by one POST with the same body: it is told `new` with the batch id of the POST that died, which may have got through,
   * so an id other than the proposed one has to be looked up before anything is stored.
   */
  claim(projectId: string, key: string, bodyHash: string, batchId: string): Promise<KeyClaim>;
  /**
   * Claims (project, key) for a body that is still to be read, until `seal` tells its hash. `settled`: the key led to `batchId` with a
   * body of this hash; `lapsed`: a POST that was not completed in time and may not have got through.
   */
  reserve(projectId: string, key: string, batchId: string): Promise<KeyReservation>;
  /** Tells the hash of the body that the key was reserved for. Answers false when the claim is no longer that of this batch. */
  seal(projectId: string, key: string, batchId: string, bodyHash: string): Promise<boolean>;
  /** The POST that claimed the key for this batch is still being handled. */
  renew(projectId: string, key: string, batchId: string): Promise<void>;
  complete(projectId: string, key: string): Promise<void>;
  /** Frees the key of a POST that was refused. */
  release(projectId: string, key: string): Promise<void>;
  /** Frees a key whose claim has lapsed and that no POST has taken over meanwhile. */
  releaseLapsed(projectId: string, key: string): Promise<void>;
  /** How many keys have expired and could be removed. */
  countExpired(): Promise<number>;
  /** Removes expired keys and answers how many; the database's own expiry may have been there first. */
  removeExpired(): Promise<number>;
}
