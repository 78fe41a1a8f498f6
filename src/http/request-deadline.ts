import type { IncomingMessage } from 'node:http';

interface Deadline {
  readonly ms: number;
  readonly cut: () => void;
  timer?: NodeJS.Timeout;
}

const deadlines = new WeakMap<IncomingMessage, Deadline>();

/** Calls `cut` unless the whole body has arrived after `ms`, or somebody reads it and watches its pace instead. */
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

/** Whoever calls this reads the body and watches its pace from now on. */
export function liftDeadline(request: IncomingMessage): void {
  clearTimeout(deadlines.get(request)?.timer);
}

/** Nobody reads the rest of the body. */
export function setDeadline(request: IncomingMessage): void {
  const deadline = deadlines.get(request);
  if (deadline === undefined || request.complete || request.destroyed) return;
  clearTimeout(deadline.timer);
  deadline.timer = setTimeout(deadline.cut, deadline.ms).unref();
}
