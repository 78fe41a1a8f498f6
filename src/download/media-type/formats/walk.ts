export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** What the inside of a format says. */
export interface Found {
  /** Canonical type; absent where the content is not of the format after all. */
  readonly type?: string;
  /** True when the content does not say which of two types it is, so that an honest header may: audio or video, for example. */
  readonly isUnsure?: boolean;
  /** What lies behind a tag in front of the content proper: to be sniffed in its own right. */
  readonly behind?: Buffer;
  /** As shown: turned as the metadata say. */
  readonly dimensions?: Dimensions;
  /** The Exif metadata of an image hold a GPS position. */
  readonly hasPosition?: true;
}

/** Turns the size of an image whose metadata want it shown on its side: Exif orientations 5 to 8, quarter turns of HEIF. */
export function shownAs({ width, height }: Dimensions, isOnItsSide: boolean): Dimensions {
  return isOnItsSide ? { width: height, height: width } : { width, height };
}

/** What a walk wants to see next: bytes at a place, or the last bytes of the content once it has ended. */
export type Ask = { readonly at: number; readonly length: number } | { readonly last: number };

/**
 * Reads a format by asking for a few bytes at a time, wherever its own lengths lead. The answer is shorter than what was asked for
 * only where the content ends. Content streams past and is not kept, so a walk goes forward: what lies before its last ask is gone,
 * except for the head and, with `last`, the end. Reading back what was stored would need none of this, but S3 shows nothing of an
 * upload before it is complete, and the type has to be known before the blob has a name.
 */
export type Walk<T> = Generator<Ask, T, Buffer>;

/** Content that a walk is shown as it arrives. */
export interface Walker<T> {
  readonly done: boolean;
  /** What the walk has found; undefined while it is under way, and when it was lost in what it read. */
  readonly found: T | undefined;
  push(chunk: Buffer): void;
  /** No more content comes. */
  end(): void;
}

/**
 * The most that is answered at once: enough for an Exif segment of a JPEG or for the directory of an office document. A walk keeps
 * two answers at most, and the end of the content where it may ask for it: 384 KiB.
 */
export const MAX_ASK_BYTES = 128 * 1024;

/** Real files need well under a thousand asks of about a microsecond; a file of empty boxes could have one for every few bytes. */
const MAX_ASKS = 4_096;

interface Piece {
  readonly at: number;
  readonly bytes: Buffer;
}

/**
 * Starts a walk over content of which the head is here. It never throws: a walk that fails, that asks for too much or that goes
 * backwards has found nothing.
 * @param usesLast whether the walk may ask for the last bytes
 */
export function startWalk<T>(walk: Walk<T>, head: Buffer, usesLast = false): Walker<T> {
  let pending: Ask | undefined;
  let found: T | undefined;
  let asks = 0;
  let seen = head.length;
  let ended = false;
  /** The last answer that had to be put together, also while it is. */
  let gathered: Piece | undefined;
  let filled = 0;
  let ring: Buffer | undefined;

  function stop(): void {
    pending = gathered = ring = undefined;
  }

  function step(bytes?: Buffer): void {
    try {
      const next = bytes === undefined ? walk.next() : walk.next(bytes);
      asks += 1;
      if (next.done !== true && asks <= MAX_ASKS && isFair(next.value)) {
        pending = next.value;
        return;
      }
      if (next.done === true) found = next.value;
    } catch {
      // Lengths that lead nowhere end in a read out of range: nothing was found.
    }
    stop();
  }

  function answerGathered(): void {
    if (gathered === undefined) return;
    gathered = { at: gathered.at, bytes: gathered.bytes.subarray(0, filled) };
    step(gathered.bytes);
  }

  /** Answers from the head, the last answer and the chunk at hand until the walk wants something that is still to come. */
  function run(chunk: Piece): void {
    while (pending !== undefined) {
      if ('last' in pending) {
        if (!ended) return;
        const last = ring === undefined ? head : lastOf(ring, seen);
        step(last.subarray(Math.max(0, last.length - pending.last)));
        continue;
      }
      const { at, length } = pending;
      if (at + length <= head.length) {
        step(head.subarray(at, at + length));
        continue;
      }
      const here: Piece[] = [{ at: 0, bytes: head }, chunk];
      if (gathered !== undefined) here.push(gathered);
      const whole = here.find((piece) => piece.at <= at && at + length <= piece.at + piece.bytes.length);
      if (whole !== undefined) {
        step(whole.bytes.subarray(at - whole.at, at - whole.at + length));
        continue;
      }
      const bytes = Buffer.allocUnsafe(length);
      filled = copyFrom(here, at, bytes);
      gathered = { at, bytes };
      if (filled < length && at + filled < seen) stop();
      else if (filled === length || ended) answerGathered();
      else return;
    }
  }

  step();
  run({ at: 0, bytes: head });
  return {
    get done() {
      return pending === undefined;
    },
    get found() {
      return found;
    },
    push(chunk) {
      if (pending === undefined) return;
      const piece = { at: seen, bytes: chunk };
      if (usesLast) {
        ring ??= copyToRing(Buffer.allocUnsafe(MAX_ASK_BYTES), { at: 0, bytes: head });
        copyToRing(ring, piece);
      }
      seen += chunk.length;
      if ('last' in pending || gathered === undefined) return;
      // Copied and not kept as it is: a source may send a chunk for every byte.
      filled += copyFrom([piece], pending.at + filled, gathered.bytes.subarray(filled));
      if (filled < gathered.bytes.length) return;
      answerGathered();
      run(piece);
    },
    end() {
      if (pending === undefined) return;
      ended = true;
      if (!('last' in pending)) answerGathered();
      run({ at: seen, bytes: Buffer.alloc(0) });
    },
  };
}

function isFair(ask: Ask): boolean {
  const { at, length } = 'last' in ask ? { at: 0, length: ask.last } : ask;
  return Number.isSafeInteger(at + length) && at >= 0 && length >= 0 && length <= MAX_ASK_BYTES;
}

/** Copies bytes from a place on, as far as the pieces have them without a gap. */
function copyFrom(pieces: readonly Piece[], at: number, target: Buffer): number {
  let copied = 0;
  while (copied < target.length) {
    const place = at + copied;
    const piece = pieces.find((each) => each.at <= place && place < each.at + each.bytes.length);
    if (piece === undefined) break;
    copied += piece.bytes.copy(target, copied, place - piece.at);
  }
  return copied;
}

/** A ring has the byte at each place of the content in the slot of that place modulo its length. */
function copyToRing(ring: Buffer, { at, bytes }: Piece): Buffer {
  const skipped = Math.max(0, bytes.length - ring.length);
  for (let from = skipped; from < bytes.length;) {
    from += bytes.copy(ring, (at + from) % ring.length, from);
  }
  return ring;
}

function lastOf(ring: Buffer, seen: number): Buffer {
  if (seen <= ring.length) return ring.subarray(0, seen);
  const start = seen % ring.length;
  return Buffer.concat([ring.subarray(start), ring.subarray(0, start)]);
}
