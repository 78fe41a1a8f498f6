import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/** Fields that are given once (RFC 9110): the same line twice is what a server and the proxy in front of it both added. */
const SINGLE: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'location',
  'retry-after',
]);

/** Fields that tell where the body ends. They are never dropped for being unreadable: the parser has to refuse them. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

const STATUS_LINE = /^http\/1\.([01])[ \t]+(\d{3})(?:[ \t]+(.*))?$/i;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const WHOLE_NUMBER = /^\d+$/;

interface Field {
  /** As sent. */
  readonly name: string;
  /** In lower case. */
  readonly key: string;
  readonly value: string;
}

/** The status of the answer that a head begins; undefined when its first line is no status line of HTTP/1. */
export function statusOf(head: string): number | undefined {
  const [, , status] = STATUS_LINE.exec(linesOf(head)[0] ?? '') ?? [];
  return status === undefined ? undefined : Number(status);
}

/**
 * Writes the head of an answer anew, in the strict grammar that undici's parser asks for. Repaired is what RFC 9112 lets a
 * recipient take and browsers and curl do take:
 *
 * - lines that end in LF alone (section 2.2), empty lines before the status line, more than one space in it (section 4);
 * - folded lines (5.2), white space before the colon (5.1);
 * - fields that are no fields, or whose value has control characters: left out, as browsers do;
 * - Content-Length given several times with one value (6.3), other fields that are given once likewise;
 * - Transfer-Encoding `identity`, and `chunked` given twice; Content-Length beside `chunked`, which overrides it (6.3). The
 *   connection is not used again then, as 6.1 asks, because the other end may count otherwise;
 * - 100 (Continue) to a request that did not ask for it, which undici takes for the end of the connection. It becomes a 102, and
 *   is passed over and counted with the others.
 *
 * What is contradictory stays as it is, for the parser to refuse.
 *
 * @param head latin1, from its first byte to the empty line, which ends it
 */
export function repairHead(head: string): string {
  if (isStrict(head)) return head;
  const [statusLine = '', ...lines] = linesOf(head);
  const fields = framed(once(fieldsOf(lines))).map(({ name, value }) => `${name}: ${value}`);
  return [repairedStatusLine(statusLine), ...fields, '', ''].join('\r\n');
}

/** Lines as the grammar has them, with one space behind each colon and none at the end: what nearly all servers send. */
const STRICT =
  /^HTTP\/1\.[01] (?!100)\d{3} [\x20-\x7e]*\r\n(?:[\w!#$%&'*+.^`|~-]+: (?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?\r\n)*\r\n$/;

/** Whether there is nothing to repair in a head: strict lines, no field twice, and a body that ends in one way. */
function isStrict(head: string): boolean {
  if (!STRICT.test(head)) return false;
  const names = new Set<string>();
  let from = head.indexOf('\n') + 1;
  for (let end = head.indexOf('\n', from); end > from + 1; from = end + 1, end = head.indexOf('\n', from)) {
    const name = head.slice(from, head.indexOf(':', from)).toLowerCase();
    if (names.has(name) || name === 'transfer-encoding') return false;
    if (name === 'content-length' && !WHOLE_NUMBER.test(head.slice(from + name.length + 2, end - 1))) return false;
    names.add(name);
  }
  return true;
}

function linesOf(head: string): string[] {
  return head.split(/\r?\n/).filter((line) => line !== '');
}

function repairedStatusLine(line: string): string {
  const [matched, minor, status, reason = ''] = STATUS_LINE.exec(line) ?? [];
  if (matched === undefined) return line;
  return `HTTP/1.${minor} ${status === '100' ? '102' : status} ${CONTROL.test(reason) ? '' : reason}`;
}

function fieldsOf(lines: readonly string[]): Field[] {
  const unfolded: string[] = [];
  for (const line of lines) {
    if (!/^[ \t]/.test(line)) unfolded.push(line);
    // Before the first field there is nothing that such a line could go on with.
    else if (unfolded.length > 0) unfolded.push(`${unfolded.pop()} ${trimmed(line)}`);
  }
  return unfolded.flatMap((line) => {
    const colon = line.indexOf(':');
    const name = trimmed(line.slice(0, Math.max(colon, 0)));
    const field = { name, key: name.toLowerCase(), value: trimmed(line.slice(colon + 1)) };
    const isReadable = TOKEN.test(name) && (!CONTROL.test(field.value) || FRAMING.has(field.key));
    return isReadable ? [field] : [];
  });
}

function once(fields: readonly Field[]): Field[] {
  const seen = new Set<string>();
  return fields.filter(({ key, value }) => {
    const line = `${key}:${value}`;
    if (!SINGLE.has(key) || !seen.has(line)) return seen.add(line);
    return false;
  });
}

function framed(fields: readonly Field[]): readonly Field[] {
  const framing = fields.filter(({ key }) => FRAMING.has(key));
  const [only, second] = framing;
  if (second === undefined && (only === undefined || WHOLE_NUMBER.test(only.value))) return fields;

  const without = (key: string) => fields.filter((field) => field.key !== key);
  const values = (key: string) =>
    framing.flatMap((field) => (field.key === key ? field.value.split(',').map(trimmed) : []));
  const codings = values('transfer-encoding')
    .map((coding) => coding.toLowerCase())
    .filter((coding) => coding !== 'identity' && coding !== '');
  const lengths = values('content-length');

  if (codings.length > 0) {
    if (codings.some((coding) => coding !== 'chunked')) return fields;
    const others = without('transfer-encoding').filter(({ key }) => key !== 'content-length');
    const chunked = [...others, fieldOf('transfer-encoding', 'chunked')];
    return lengths.length === 0 ? chunked : [...chunked, fieldOf('connection', 'close')];
  }
  const [length = ''] = lengths;
  const isOne = lengths.every((other) => WHOLE_NUMBER.test(other) && BigInt(other) === BigInt(length));
  const identity = without('transfer-encoding');
  if (lengths.length < 2 || !isOne) return identity;
  return [...identity.filter(({ key }) => key !== 'content-length'), fieldOf('content-length', length)];
}

function fieldOf(key: string, value: string): Field {
  return { name: key, key, value };
}

/**
 * Without the white space that may stand around a value: spaces and tabs only, so that nothing else is hidden. By hand, because a
 * pattern for its end would be tried from each of 30,000 spaces in the middle.
 */
function trimmed(text: string): string {
  const isBlank = (at: number) => text[at] === ' ' || text[at] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return text.slice(start, end);
}

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
function createHeadReader(): { take(chunk: Buffer): Buffer[]; rest(): Buffer; isDone(): boolean } {
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
    const repaired = repairHead(head);
    // What is right already is handed on together with what follows it, uncopied.
    if (repaired === head && done) return rest();
    held = held.subarray(end);
    return Buffer.from(repaired, 'latin1');
  }

  return {
    take(chunk) {
      held = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
      const ready: Buffer[] = [];
      for (let head = nextHead(); head !== undefined; head = done ? undefined : nextHead()) ready.push(head);
      if (done && held.byteLength > 0) ready.push(rest());
      return ready;
    },
    rest,
    isDone: () => done,
  };
}

/**
 * Has the head of every answer on this connection repaired before undici's parser sees it. There is one request at a time on a
 * connection, so what comes after a request was written is a head, and what comes behind that is left alone until the next one is.
 */
function repairHeads(socket: Socket): void {
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
        : [reader.rest()];
    // Nothing to hand on yet is no reason to stop reading.
    let wantsMore = true;
    for (const bytes of ready) if (bytes.byteLength > 0) wantsMore = push(bytes);
    return chunk instanceof Uint8Array ? wantsMore : push(chunk, encoding);
  };
}

/**
 * undici 7 takes ECONNRESET in a body that only the end of the connection delimits for that end, and reports a truncated body
 * as complete. Under any other code it fails the body, so the code is replaced before undici's own listener sees the error.
 *
 * A reset that arrives together with the last bytes stays unseen: libuv reads the bytes, finds the connection closed (POLLHUP) and
 * reports its end. Such a body is taken like any other that only the connection ends, with its length unverified.
 */
function failBodyOnReset(socket: Socket): void {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'ERR_CONNECTION_RESET';
  });
}

/** Hands a new socket to undici, with resets made visible and sloppy heads of answers repaired; an error goes over as it is. */
export function surfaceResets(callback: buildConnector.Callback): buildConnector.Callback {
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
