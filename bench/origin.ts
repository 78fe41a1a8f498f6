import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { listenOnLoopback } from '../src/stack/loopback-server.js';

/**
 * The origin of a benchmark, a process of its own: answers any path with a body of the given size that starts like an MP4 and is
 * different for every path.
 */
const bytes = Number(process.argv[2]);
// ftyp box of an MP4 (ISO/IEC 14496-12 section 4.3): enough for the type check.
const head = Buffer.from('000000206674797069736f6d0000020069736f6d69736f32617663316d703431', 'hex');
const filling = randomBytes(Math.max(0, bytes - head.length - 64));

const server = createServer((request, response) => {
  const own = Buffer.alloc(64, request.url ?? '/');
  response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': head.length + own.length + filling.length });
  response.end(Buffer.concat([head, own, filling]));
});
const { origin } = await listenOnLoopback(server);
process.send?.(origin);
process.once('disconnect', () => process.exit());
