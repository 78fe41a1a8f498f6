import type { Socket } from 'node:net';
import { repairHead, statusOf } from './repair-head.js';

/**
 * Longest head that is looked at: undici's limit on names and values (16 KiB), and as much again for what stands between them. A
 * longer one goes to undici as it is, which refuses it.
 */
const MAX_HEAD_BYTES = 32 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const START = Buffer.from('http/');

/** Where the status line begins: empty lines before it are passed over. */
function startOfHead(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === LF || bytes[at] === CR) at += 1;
  return at;
}

/** Whether the bytes are, or may still become, an answer of HTTP/1. */
function mayBeHttp(bytes: Buffer): boolean {
  const start = bytes.subarray(startOfHead(bytes)).subarray(0, START.byteLength).toString('latin1').toLowerCase();
  return START.toString('latin1').startsWith(start);
}

/** @returns the offset behind the empty line that ends the head; -1 when it is not there yet */
function endOfHead(bytes: Buffer): number {
  for (let at = bytes.indexOf(LF, startOfHead(bytes)); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

/** Takes the bytes of one answer, those of interim ones before it included, and repairs their heads. */
function createHeadReader(): { take(chunk: Buffer): Buffer; rest(): Buffer; isDone(): boolean } {
  let held: Buffer = Buffer.alloc(0);
  let done = false;

  function rest(): Buffer {
    const all = held;
    held = Buffer.alloc(0);
    return all;
  }

  /** The next head, repaired; undefined when it is not there as a whole, or is none. */
  function nextHead(): Buffer | undefined {
    const end = mayBeHttp(held) ? endOfHead(held) : held.byteLength;
    if (end === -1 && held.byteLength <= MAX_HEAD_BYTES) return undefined;
    const isHead = end !== -1 && mayBeHttp(held);
    const head = isHead ? held.toString('latin1', 0, end) : '';
    const status = statusOf(head) ?? 0;
    // After an interim answer another head follows; after 101 nothing that is HTTP does.
    done = status < 100 || status === 101 || status >= 200;
    if (!isHead) return rest();
    held = held.subarray(end);
    return Buffer.from(repairHead(head), 'latin1');
  }

  return {
    take(chunk) {
      held = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
      const ready: Buffer[] = [];
      for (let head = nextHead(); head !== undefined; head = done ? undefined : nextHead()) ready.push(head);
      return Buffer.concat(done ? [...ready, rest()] : ready);
    },
    rest,
    isDone: () => done,
  };
}

/**
 * Has the head of every answer on this connection repaired before undici's parser sees it. There is one request at a time on a
 * connection, so what comes after a request was written is a head, and what comes behind that is left alone until the next one is.
 */
export function repairHeads(socket: Socket): void {
  const push = socket.push.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let reader = createHeadReader();

  socket.write = (...args: unknown[]): boolean => {
    if (reader.isDone()) reader = createHeadReader();
    return write(...args);
  };
  socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (reader.isDone()) return push(chunk, encoding);
    const ready =
      chunk instanceof Uint8Array
        ? reader.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
        : reader.rest();
    // Nothing to hand on yet is no reason to stop reading.
    const wantsMore = ready.byteLength === 0 || push(ready);
    return chunk instanceof Uint8Array ? wantsMore : push(chunk, encoding);
  };
}
