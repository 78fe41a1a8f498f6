import type { MediaStore } from '../store/store.js';
import { PROBE_VERSION, PROBED_TYPES } from './facts.js';
import type { Prober } from './prober.js';

/** A collection runs every few hours; this leaves the workers to imports for nearly all of that time. */
const RUN_MS = 5 * 60_000;
/** Records that one run looks at: a library of a million is gone through in a day. */
const LOOKED_AT = 200_000;
/** Records looked at in one query: a few milliseconds where none of them has to be probed. */
const WINDOW = 2_000;

export interface ProbeStoredDeps {
  readonly media: Pick<MediaStore, 'unprobed' | 'setFacts'>;
  readonly prober: Pick<Prober, 'probe'>;
  readonly now: () => number;
  /** Records of one query; 2,000 by default. */
  readonly window?: number;
}

export interface ProbedStored {
  /** Blobs that were probed. */
  readonly count: number;
  /** Where the next run continues: an id, or the empty text to begin again. */
  readonly next: string;
}

/**
 * Probes stored bytes that no probe has read yet: of records of earlier versions, of types that are not urgent, and where an import had
 * no time. Harmless when it runs twice at a time: the same bytes have the same facts.
 * @param after the `next` of the run before
 * @throws whatever the database throws, and the signal's reason
 */
export async function probeStored(
  { media, prober, now, window = WINDOW }: ProbeStoredDeps,
  after: string,
  signal: AbortSignal,
): Promise<ProbedStored> {
  const until = now() + RUN_MS;
  let next = after;
  let count = 0;
  for (let looked = 0; looked < LOOKED_AT; looked += window) {
    const { blobs, last } = await media.unprobed({ types: PROBED_TYPES, version: PROBE_VERSION }, next, window);
    for (const blob of blobs) {
      signal.throwIfAborted();
      const probed = await prober.probe(blob, signal);
      if (probed !== 'busy') {
        // What takes too long now would do so again.
        await media.setFacts(blob, probed === 'late' ? {} : probed, PROBE_VERSION);
        count += 1;
      }
      if (now() >= until) return { count, next };
    }
    next = last ?? '';
    if (last === null || now() >= until) break;
  }
  return { count, next };
}
