import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OriginHandler } from '../origin-server.js';

type Ending = 'end' | 'reset' | 'hold';

/** Often enough to look alive to a limit on silence. */
const DRIP_MS = 40;

function socketOf(response: ServerResponse): Socket {
  const { socket } = response;
  if (socket === null) throw new Error('The request has no connection any more');
  return socket;
}

/** Exactly these bytes, past Node's HTTP layer, which would not send them. */
export function rawBytes(bytes: string | Uint8Array, ending: Ending = 'end'): OriginHandler {
  return (_request, response) => {
    const socket = socketOf(response);
    socket.write(bytes, () => {
      if (ending === 'end') socket.end();
      if (ending === 'reset') socket.resetAndDestroy();
    });
  };
}

/** A status line with these header lines and this body, however they contradict each other. */
export function rawAnswer(lines: readonly string[], body: string | Uint8Array = '', status = '200 OK'): OriginHandler {
  const head = [`HTTP/1.1 ${status}`, ...lines, '', ''].join('\r\n');
  return rawBytes(Buffer.concat([Buffer.from(head), Buffer.from(body)]));
}

/** Writes `piece` again and again while the client takes it, in the pace of its reading. */
export function withoutEnd(start: string, piece: string): OriginHandler {
  return (_request, response) => {
    const socket = socketOf(response);
    socket.write(start);
    const pump = (): void => {
      while (!socket.destroyed) {
        if (socket.write(piece)) continue;
        socket.once('drain', pump);
        return;
      }
    };
    pump();
  };
}

/** Writes `start` at once and `piece` every few milliseconds until the client hangs up. */
export function dripping(start: string, piece: string, everyMs = DRIP_MS): OriginHandler {
  return (_request, response) => {
    const socket = socketOf(response);
    socket.write(start);
    const timer = setInterval(() => socket.write(piece), everyMs);
    socket.once('close', () => {
      clearInterval(timer);
    });
  };
}

/** Hangs up without a word. */
export function hangUp(how: 'end' | 'reset'): OriginHandler {
  return (_request, response) => {
    const socket = socketOf(response);
    if (how === 'end') socket.end();
    else socket.resetAndDestroy();
  };
}
