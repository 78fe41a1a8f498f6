import { isUtf8 } from 'node:buffer';
import { giveWay, type BodyRoom } from '../../intake/body-memory.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Lines handed on together. A promise for each would cost more than its item; what is made of them is held until all were looked at. */
const GROUP_LINES = 256;
/** The start of a line that is not there yet, up to this, is part of what every stream of lines takes. */
const FREE_BYTES = 64 * 1024;

/** One line of a text without its end, or why it cannot be read. Lines count from 1. */
export type TextLine = { readonly line: number; readonly bytes: number } & (
  { readonly text: string } | { readonly problem: string }
);

interface LineRules {
  /** Lines of white space are counted and not handed on: an object for each of millions would cost seconds. */
  readonly skipsBlank?: boolean;
  /** Where a long line takes room while it arrives, twice its length: its bytes, then its text. */
  readonly room?: Pick<BodyRoom, 'keep' | 'letGo'>;
}

/**
 * Cuts UTF-8 into lines that end in LF or CRLF, some hundreds at a time, and gives way to other requests meanwhile. Beside a chunk it holds
 * no more than one line of at most `maxBytes`; the rest of a longer one is passed over. A byte order mark at the start is dropped. `node:readline` would hold a line of any
 * length, and replace bytes that are not UTF-8.
 * @throws what `BodyRoom.keep` throws
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
  { skipsBlank = false, room }: LineRules = {},
): AsyncGenerator<readonly TextLine[], undefined> {
  let line = 0;
  let bytes = 0;
  const begun = createBegunLine(maxBytes, room);

  const finish = (end: Buffer): TextLine => {
    const place = { line, bytes: bytes + end.length };
    // Most lines lie within a chunk.
    const whole = bytes === 0 ? end : begun.joined(end);
    bytes = 0;
    if (place.bytes > maxBytes) return { ...place, problem: `Must be at most ${maxBytes} bytes` };
    if (!isUtf8(whole)) return { ...place, problem: 'Must be UTF-8' };
    return { ...place, text: textOf(whole, line) };
  };

  const push = (lines: TextLine[], cut: TextLine) => {
    if (!skipsBlank || !('text' in cut) || cut.text.trim() !== '') lines.push(cut);
  };

  for await (const chunk of chunks) {
    let lines: TextLine[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      line += 1;
      if (!skipsBlank || bytes > 0 || !isBlank(chunk, from, at)) push(lines, finish(chunk.subarray(from, at)));
      from = at + 1;
      if (line % GROUP_LINES === 0) await giveWay();
      if (lines.length < GROUP_LINES && !begun.isLong()) continue;
      yield lines;
      lines = [];
      begun.release();
    }
    if (lines.length > 0) yield lines;
    begun.add(chunk.subarray(from));
    bytes += chunk.length - from;
    await giveWay();
  }
  if (bytes === 0) return;
  line += 1;
  const last: TextLine[] = [];
  push(last, finish(Buffer.alloc(0)));
  yield last;
}

/** The start of a line, as far as it has arrived in chunks before. Its room is kept until its item is somewhere else. */
function createBegunLine(maxBytes: number, room: LineRules['room']) {
  let buffer = Buffer.alloc(0);
  let [length, kept] = [0, 0];
  const grow = (size: number) => {
    const more = Math.max(0, 2 * size - FREE_BYTES - kept);
    if (more > 0) room?.keep(more);
    kept += more;
    const larger = Buffer.allocUnsafeSlow(size);
    buffer.copy(larger, 0, 0, length);
    buffer = larger;
  };
  const release = () => {
    if (kept > 0) room?.letGo(kept);
    [buffer, length, kept] = [Buffer.alloc(0), 0, 0];
  };
  return {
    /** Copies: a piece of a few bytes would hold all of the chunk that it is part of. */
    add(piece: Buffer) {
      // What is passed over stays too long.
      if (piece.length === 0 || length > maxBytes) return;
      const taken = piece.subarray(0, maxBytes + 1 - length);
      if (length + taken.length > buffer.length) grow(Math.max(2 * buffer.length, length + taken.length));
      taken.copy(buffer, length);
      length += taken.length;
      if (length > maxBytes) {
        release();
        length = maxBytes + 1;
      }
    },
    joined(end: Buffer): Buffer {
      const whole = length > maxBytes ? Buffer.alloc(0) : Buffer.concat([buffer.subarray(0, length), end]);
      length = 0;
      if (kept === 0) buffer = Buffer.alloc(0);
      return whole;
    },
    /** It has taken room that is to be released once its item is somewhere else. */
    isLong: () => kept > 0 && length === 0,
    release,
  };
}

function isBlank(chunk: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = chunk[at];
    if (byte !== CR && byte !== SPACE && byte !== TAB) return false;
  }
  return true;
}

function textOf(whole: Buffer, line: number): string {
  const from = line === 1 && whole.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  return whole.toString('utf8', from, whole.at(-1) === CR ? whole.length - 1 : whole.length);
}
