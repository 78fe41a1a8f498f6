import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { repairHeads } from './read-heads.js';

/**
 * undici 7 takes ECONNRESET in a body that only the end of the connection delimits for that end, and reports a truncated body
 * as complete. Under any other code it fails the body, so the code is replaced before undici's own listener sees the error.
 */
function failBodyOnReset(socket: Socket): void {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'ERR_CONNECTION_RESET';
  });
}

/** Hands a new socket to undici, with resets made visible and sloppy heads of answers repaired; an error goes over as it is. */
export function handOver(callback: buildConnector.Callback): buildConnector.Callback {
  return (...[error, socket]) => {
    if (error !== null) {
      callback(error, null);
      return;
    }
    failBodyOnReset(socket);
    repairHeads(socket);
    callback(null, socket);
  };
}
