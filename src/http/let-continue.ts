import type { ServerResponse } from 'node:http';

/** Answers to requests with `Expect: 100-continue` whose bodies have not been requested, and whether their connection is kept. */
const heldBack = new WeakMap<ServerResponse, boolean>();

/**
 * Notes that the client waits for a sign before it sends its body. An answer without that sign ends the connection: the client may
 * send the body all the same, or not, and what follows on the connection would be ambiguous (RFC 9110 section 10.1.1).
 */
export function holdBack(response: ServerResponse): void {
  heldBack.set(response, response.shouldKeepAlive);
  response.shouldKeepAlive = false;
}

/** Asks for the body of a client that waits for it; to be called once the request is known to be welcome. */
export function letContinue(response: ServerResponse): void {
  const isKept = heldBack.get(response);
  if (isKept === undefined) return;
  heldBack.delete(response);
  response.shouldKeepAlive = isKept;
  response.writeContinue();
}
