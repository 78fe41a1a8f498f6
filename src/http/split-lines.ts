import { isUtf8 } from 'node:buffer';

const LF = 0x0a;
const CR = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** One line of a text without its end, or why it cannot be read. Lines count from 1. */
export type TextLine = { readonly line: number; readonly bytes: number } & (
  { readonly text: string } | { readonly problem: string }
);

/**
 * Cuts UTF-8 into lines that end in LF or CRLF, those of one chunk at a time (a promise for each line would cost more than its
 * item). Beside a chunk it holds no more than one line of at most `maxBytes`: the rest of a longer one is passed over. A byte order mark at the start is dropped. `node:readline` would hold a line of any length, and replace bytes that
 * are not UTF-8.
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<readonly TextLine[], undefined> {
  let line = 0;
  let pieces: Buffer[] = [];
  let bytes = 0;

  const add = (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxBytes) pieces = [];
    else if (piece.length > 0) pieces.push(piece);
  };
  const finish = (): TextLine => {
    line += 1;
    const place = { line, bytes };
    const whole = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
    if (place.bytes > maxBytes) return { ...place, problem: `Must be at most ${maxBytes} bytes` };
    if (!isUtf8(whole)) return { ...place, problem: 'Must be UTF-8' };
    return { ...place, text: textOf(whole, line) };
  };

  for await (const chunk of chunks) {
    const lines: TextLine[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      add(chunk.subarray(from, at));
      from = at + 1;
      lines.push(finish());
    }
    add(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (bytes > 0) yield [finish()];
}

function textOf(whole: Buffer, line: number): string {
  const from = line === 1 && whole.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  return whole.toString('utf8', from, whole.at(-1) === CR ? whole.length - 1 : whole.length);
}
