import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { listenOnLoopback } from '../../src/local-stack/ports.js';

/**
 * The origin of a benchmark, a process of its own: `/<bytes>/<anything>` answers with a body of that size that starts like an MP4
 * and is different for every path. It knows its files by a strong ETag, and answers 304 to who has them. A message `sent` is
 * answered with the bytes that all of its connections have sent so far, headers included.
 */
// ftyp box of an MP4 (ISO/IEC 14496-12 section 4.3): enough for the type check.
const head = Buffer.from('000000206674797069736f6d0000020069736f6d69736f32617663316d703431', 'hex');
/** Room for what makes a body its path's own. */
const OWN_BYTES = 64;
const fillings = new Map<number, Buffer>();

function fillingOf(bytes: number): Buffer {
  const known = fillings.get(bytes) ?? randomBytes(Math.max(0, bytes - head.length - OWN_BYTES));
  fillings.set(bytes, known);
  return known;
}

let sent = 0;

const server = createServer((request, response) => {
  const path = request.url ?? '/';
  const etag = `"${createHash('sha256').update(path).digest('hex')}"`;
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end();
    return;
  }
  const filling = fillingOf(Number(path.split('/')[1]));
  const start = Buffer.concat([head, Buffer.alloc(OWN_BYTES, path)]);
  response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': start.length + filling.length, etag });
  // One write to the socket, and no copy of the filling.
  response.cork();
  response.write(start);
  response.end(filling);
});
const open = new Set<Socket>();
server.on('connection', (socket) => {
  open.add(socket);
  socket.on('close', () => {
    open.delete(socket);
    sent += socket.bytesWritten;
  });
});
process.on('message', () => {
  process.send?.([...open].reduce((sum, { bytesWritten }) => sum + bytesWritten, sent));
});
const { origin } = await listenOnLoopback(server);
process.send?.(origin);
process.once('disconnect', () => process.exit());
