import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Ends the head of a request (RFC 9112 section 2.1). */
const HEAD_END = Buffer.from('\r\n\r\n');

interface Connection {
  /** What is under way; null between an answer and the next request. */
  current: IncomingMessage | null;
  /** Begins a request whose head came in one piece with the end of the body before it. */
  next: (() => void) | null;
  /** Received, but not yet parsed. */
  rest: Buffer;
  /** Whether the socket is not read because of `rest`. */
  isHeld: boolean;
  /** Goes on with `next` or `rest`. */
  proceed: () => void;
}

/** Lets every connection of a server have one request under way. */
export interface OneAtATime {
  /** To be called for each new connection, after Node's own listener. */
  attach(socket: Socket): void;
  /** Begins the request: at once, or when the answer to the one before it is written. */
  begin(request: IncomingMessage, response: ServerResponse, handle: () => void): void;
}

/**
 * Node parses all requests of a packet and begins them at once, although their answers have to wait for each other (RFC 9112
 * section 9.3.2): 64 KiB without any token open 500 files. Here the parser gets bytes up to the end of one head and no more
 * before the answer to it is written. Meanwhile the socket is not read, so that what a client sends ahead waits in the kernel
 * and in one packet of at most 64 KiB.
 * @param onAnswered called after every answer, whether it was taken whole or not
 */
export function createOneAtATime(onAnswered: () => void): OneAtATime {
  const connections = new WeakMap<Socket, Connection>();

  return {
    attach(socket) {
      // Node's parser is fed by the one listener that the server has just added.
      const [feed] = socket.listeners('data') as ((chunk: Buffer) => void)[];
      if (feed === undefined) throw new Error('The HTTP server does not listen to its connection');
      const connection: Connection = {
        current: null,
        next: null,
        rest: Buffer.alloc(0),
        isHeld: false,
        proceed: () => {
          proceed(socket, connection, feed);
        },
      };
      connections.set(socket, connection);
      socket.removeListener('data', feed);
      socket.on('data', (chunk: Buffer) => {
        connection.rest = connection.rest.length === 0 ? chunk : Buffer.concat([connection.rest, chunk]);
        connection.proceed();
      });
    },

    begin(request, response, handle) {
      const connection = connections.get(request.socket);
      if (connection === undefined) {
        handle();
        return;
      }
      const start = () => {
        connection.current = request;
        response.once('close', () => {
          connection.current = null;
          onAnswered();
          // Not at once: a row of short answers must leave turns to other connections.
          setImmediate(connection.proceed);
        });
        handle();
      };
      if (connection.current === null) start();
      else connection.next = start;
    },
  };
}

function proceed(socket: Socket, connection: Connection, feed: (chunk: Buffer) => void): void {
  if (socket.destroyed) {
    connection.rest = Buffer.alloc(0);
    connection.next = null;
    return;
  }
  if (connection.current === null && connection.next !== null) {
    const start = connection.next;
    connection.next = null;
    start();
  }
  while (connection.rest.length > 0 && mayParse(socket, connection)) {
    const end = connection.rest.indexOf(HEAD_END);
    const size = end === -1 ? connection.rest.length : end + HEAD_END.length;
    const piece = connection.rest.subarray(0, size);
    connection.rest = connection.rest.subarray(size);
    feed(piece);
  }
  const isHeld = connection.rest.length > 0;
  if (isHeld) socket.pause();
  else if (connection.isHeld) socket.resume();
  connection.isHeld = isHeld;
}

/** The body of what is under way is parsed as it comes; a further request has to wait. */
function mayParse(socket: Socket, { current, next }: Connection): boolean {
  if (socket.destroyed || next !== null) return false;
  return current === null || !current.complete;
}

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
