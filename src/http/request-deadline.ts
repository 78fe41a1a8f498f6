import type { IncomingMessage } from 'node:http';

interface Deadline {
  readonly ms: number;
  readonly cut: () => void;
  timer?: NodeJS.Timeout;
}

const deadlines = new WeakMap<IncomingMessage, Deadline>();

/** Calls `cut` unless the whole body has arrived after `ms`, or its reader enforces a pace instead. */
export function startDeadline(request: IncomingMessage, ms: number, cut: () => void): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (length === undefined && encoding === undefined) return;
  deadlines.set(request, { ms, cut });
  setDeadline(request);
  for (const event of ['end', 'close'] as const)
    request.once(event, () => {
      liftDeadline(request);
    });
}

/** From now on the caller reads the body and enforces its pace. */
export function liftDeadline(request: IncomingMessage): void {
  clearTimeout(deadlines.get(request)?.timer);
}

/** The rest of the body will not be read. */
export function setDeadline(request: IncomingMessage): void {
  const deadline = deadlines.get(request);
  if (deadline === undefined || request.complete || request.destroyed) return;
  clearTimeout(deadline.timer);
  deadline.timer = setTimeout(deadline.cut, deadline.ms).unref();
}
