import type { BlobStore } from '../blobs/blob-store.js';
import type { AssetFacts } from '../domain/media.js';
import type { BlobOfMedia } from '../store/media-store.js';
import { probeKind, type ProbeKind } from './facts.js';
import type { Ffprobe } from './ffprobe.js';
import { startProbeThread, type ProbeThread } from './probe-thread.js';

/**
 * late: the file took too long or brought the thread down, and would again; busy: there was no room, no answer of the store, or no
 * patience, and another time there may be.
 */
export type Probed = AssetFacts | 'late' | 'busy';

/** Tells what stored bytes are like. It never throws. */
export interface Prober {
  probe(blob: BlobOfMedia, signal: AbortSignal): Promise<Probed>;
  close(): Promise<void>;
}

export interface ProbeLimits {
  /** Of one probe, from its turn on. Files of every size take milliseconds; a slow store may answer ten reads in this time. */
  readonly timeMs: number;
  /** Waiting for a turn. An item that waits longer would slow its import down. */
  readonly waitMs: number;
  /** Probes that may wait. At 10 ms each the last one has its turn within a second. */
  readonly queue: number;
  /** At a time: hides the latency of a store across a network. */
  readonly concurrent: number;
  /** Read of one file: the index of a film of ten hours has some 10 MiB, and frames that tell a rate about as many. */
  readonly readBytes: number;
}

const LIMITS: ProbeLimits = { timeMs: 10_000, waitMs: 5_000, queue: 64, concurrent: 4, readBytes: 48 * 1024 ** 2 };

interface Job {
  readonly id: number;
  readonly blob: BlobOfMedia;
  readonly kind: ProbeKind;
  /** Another job may have brought the thread down: this one is repeated once, by itself. */
  alone: boolean;
  timer?: NodeJS.Timeout;
  end(probed: Probed): void;
}

export interface ProberDeps {
  readonly blobs: Pick<BlobStore, 'read'>;
  /** A second opinion on film and sound that the thread cannot read; null for none. */
  readonly ffprobe: Ffprobe | null;
  readonly limits?: Partial<ProbeLimits>;
}

/** Probes in a thread of its own, which is started with the first probe and again after each file that brought it down. */
export function createProber({ blobs, ffprobe, limits }: ProberDeps): Prober {
  const { timeMs, waitMs, queue: most, concurrent, readBytes } = { ...LIMITS, ...limits };
  const waiting: Job[] = [];
  const running = new Map<number, Job>();
  let thread: ProbeThread | undefined;
  let count = 0;

  function onDone(id: number, facts: AssetFacts, isStoreAway: boolean): void {
    const job = running.get(id);
    if (job === undefined) return;
    clearTimeout(job.timer);
    running.delete(job.id);
    if (running.size === 0) thread?.hold(false);
    job.end(isStoreAway ? 'busy' : facts);
    pump();
  }

  /** @param culprit the job that took too long; null when the thread died and any of them may have been the cause */
  function lose(culprit: Job | null = null): void {
    void thread?.stop();
    thread = undefined;
    const jobs = [...running.values()];
    running.clear();
    const cause = culprit ?? (jobs.length === 1 ? jobs[0] : undefined);
    for (const job of jobs) {
      clearTimeout(job.timer);
      if (job === cause) job.end('late');
      else {
        job.alone = true;
        waiting.unshift(job);
      }
    }
    pump();
  }

  function pump(): void {
    for (;;) {
      const [next] = waiting;
      const isAlone = next?.alone === true || [...running.values()].some(({ alone }) => alone);
      if (next === undefined || running.size >= (isAlone ? 1 : concurrent)) return;
      waiting.shift();
      running.set(next.id, next);
      thread ??= startProbeThread({ blobs, readBytes, onDone, onDeath: lose });
      thread.hold(true);
      next.timer = setTimeout(() => {
        lose(next);
      }, timeMs);
      thread.begin(next.id, next.kind, next.blob);
    }
  }

  function inThread(blob: BlobOfMedia, kind: ProbeKind, signal: AbortSignal): Promise<Probed> {
    return new Promise((resolve) => {
      const giveUp = (): void => {
        const at = waiting.indexOf(job);
        if (at >= 0) waiting.splice(at, 1);
        job.end('busy');
      };
      const patience = setTimeout(() => {
        if (waiting.includes(job)) giveUp();
      }, waitMs);
      const job: Job = {
        id: count++,
        blob,
        kind,
        alone: false,
        // Further calls do nothing: a job whose caller has left may still be running.
        end: (probed) => {
          clearTimeout(patience);
          signal.removeEventListener('abort', giveUp);
          resolve(probed);
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(job);
      pump();
    });
  }

  return {
    async probe(blob, signal) {
      const kind = probeKind(blob.mimeType);
      if (kind === null) return {};
      if (signal.aborted || waiting.length >= most) return 'busy';
      const probed = await inThread(blob, kind, signal);
      if (probed === 'busy' || kind === 'photo' || ffprobe === null || !isIncomplete(blob, probed)) return probed;
      const second = await ffprobe(blob, blobs, signal);
      return second === null ? probed : { ...second, ...(probed === 'late' ? {} : probed) };
    },

    async close() {
      for (const job of [...waiting.splice(0), ...running.values()]) {
        clearTimeout(job.timer);
        job.end('busy');
      }
      running.clear();
      const last = thread;
      thread = undefined;
      await last?.stop();
    },
  };
}

/** Film without pictures may have a track that the thread does not know. */
function isIncomplete({ mimeType }: BlobOfMedia, probed: AssetFacts | 'late'): boolean {
  if (probed === 'late' || Object.keys(probed).length === 0) return true;
  return mimeType.startsWith('video/') && probed.videoCodec === undefined;
}
