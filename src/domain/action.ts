/** What people do to imports, media and hosts through the API. Part of the wire format. */
export type ActionName = 'pause' | 'resume' | 'cancel' | 'retry' | 'redeliver' | 'delete' | 'probe' | 'limit';

/** What an action is about, as it is stored: `import:<id>`, `media:<id>` or `host:<name>`. */
export type ActionTarget = `${'import' | 'media' | 'host'}:${string}`;

/** The token that an action was asked with. */
export interface Actor {
  readonly jti: string;
  /** The name that the token was made with; absent when it has none. */
  readonly name?: string;
}

/** One entry of the action log: who did what, when and why. */
export interface ActionRecord {
  readonly at: Date;
  readonly by: Actor;
  readonly action: ActionName;
  readonly reason?: string;
}

/** An action that is about to be performed. */
export interface NewAction extends ActionRecord {
  readonly projectId: string;
  readonly target: ActionTarget;
  /** The client's Idempotency-Key with a hash of the whole request. */
  readonly idempotency?: { readonly key: string; readonly requestHash: string };
}

/**
 * What an action meets. new: it is recorded and may be performed; done: its key belongs to the same request, which has been performed
 * with this result; busy: that request is still being performed; other_request: the key belongs to another request.
 */
type ActionClaim =
  | { readonly outcome: 'new'; readonly id: string }
  | { readonly outcome: 'done'; readonly result: unknown }
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'other_request' };

/** The action log. A record with a key is the memory of that key as well, so both are written at once. */
export interface ActionStore {
  /**
   * Records an action before it is performed, so that no effect is without its record. A claim whose process died is taken over
   * after a minute: every action may be performed again.
   */
  begin(action: NewAction): Promise<ActionClaim>;
  /**
   * The action has been performed.
   * @param result told to repetitions of the request; small, and JSON
   * @param isListed false for one that changed nothing: its key is remembered, and the log does not show it
   */
  complete(id: string, result: unknown, isListed: boolean): Promise<void>;
  /** The action was refused, and has had no effect. */
  withdraw(id: string): Promise<void>;
  /** The latest actions on a target, oldest first, at most 100. */
  list(projectId: string, target: ActionTarget): Promise<readonly ActionRecord[]>;
  removeAll(target: ActionTarget): Promise<void>;
}
