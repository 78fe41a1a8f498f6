import type { Middleware, ParameterizedContext } from 'koa';

/** What a verified access token says. */
export interface AccessToken {
  readonly projectId: string;
  readonly jti: string;
  readonly name?: string;
  readonly scopes: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What middleware leaves on a request for the routes below it. */
export interface RequestState {
  requestId: string;
  /** Set by `measure`: what the connection had received when the request began, in bytes. */
  receivedBefore?: number;
  /** Set by `authenticate`. */
  token?: AccessToken;
  /** Set by `authenticate`: looks at the token again. @throws ApiError 401 */
  checkToken?: () => Promise<void>;
}

export type RequestContext = ParameterizedContext<RequestState>;
export type RequestHandler = Middleware<RequestState>;

/** The token of a route that is mounted behind `authenticate`. @throws Error when it is not */
export function tokenOf(state: RequestState): AccessToken {
  if (state.token === undefined) throw new Error('The route is not mounted behind authentication');
  return state.token;
}

/** As `tokenOf`, whether the token is still good: a request may take hours. */
export function tokenCheckOf(state: RequestState): () => Promise<void> {
  if (state.checkToken === undefined) throw new Error('The route is not mounted behind authentication');
  return state.checkToken;
}
