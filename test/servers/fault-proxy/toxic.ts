/**
 * What a fault proxy does to a link, with the names that Toxiproxy gave these faults. Shaping (latency, bandwidth, slicer) acts on
 * both directions.
 */
export type Toxic =
  /** Bytes arrive so much later, each chunk by up to `jitterMs` more. Their order stays. */
  | { readonly kind: 'latency'; readonly ms: number; readonly jitterMs?: number }
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
  /** Bytes arrive in small pieces with pauses between them. */
  | { readonly kind: 'slicer'; readonly bytes: number; readonly everyMs: number }
  /** Open connections are reset (RST), and new ones as soon as they have lived for `afterMs`. */
  | { readonly kind: 'reset'; readonly afterMs: number }
  /** Open connections break and new ones are refused. */
  | { readonly kind: 'cut' }
  /** A connection is closed (FIN) when so many bytes have come from the target, counted from now on. */
  | { readonly kind: 'limit'; readonly bytes: number };

export const TOXIC_KINDS = [
  'latency',
  'bandwidth',
  'slicer',
  'reset',
  'cut',
  'limit',
] as const satisfies Toxic['kind'][];

/** A bandwidth is shaped in pieces of this share of a second: fine enough for a body of a few KiB. */
const SHAPING_MS = 50;

interface Piece {
  readonly bytes: Buffer;
  /** Time to let pass before it is sent. */
  readonly pauseMs: number;
}

/**
 * Cuts a chunk into what is sent at a time.
 * @param waitedMs how long ago the chunk arrived
 * @param random 0 ≤ x < 1
 */
export function* shape(chunk: Buffer, toxic: Toxic | null, waitedMs: number, random: () => number): Generator<Piece> {
  switch (toxic?.kind) {
    case 'latency': {
      const lateMs = toxic.ms + (toxic.jitterMs ?? 0) * random();
      yield { bytes: chunk, pauseMs: Math.max(0, lateMs - waitedMs) };
      return;
    }
    case 'bandwidth': {
      const size = Math.max(1, Math.floor((toxic.bytesPerSecond * SHAPING_MS) / 1000));
      for (const bytes of slices(chunk, size)) yield { bytes, pauseMs: (bytes.length * 1000) / toxic.bytesPerSecond };
      return;
    }
    case 'slicer':
      for (const bytes of slices(chunk, toxic.bytes)) yield { bytes, pauseMs: toxic.everyMs };
      return;
    default:
      yield { bytes: chunk, pauseMs: 0 };
  }
}

function* slices(chunk: Buffer, size: number): Generator<Buffer> {
  for (let from = 0; from < chunk.length; from += size) yield chunk.subarray(from, from + size);
}
