import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { BlobStore } from '../blobs/blob-store.js';
import type { AssetFacts } from '../domain/media.js';
import type { FromThread, ProbeKind, ToThread } from './facts.js';

/** mediabunny takes 15 MiB, and the index of a film of many hours as many again as objects. */
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };

export interface ThreadDeps {
  readonly blobs: Pick<BlobStore, 'read'>;
  /** Read of one file, and so what a file can make the thread hold beside its heap. */
  readonly readBytes: number;
  /** @param isStoreAway the store did not answer a read, so that the facts may lack something */
  readonly onDone: (job: number, facts: AssetFacts, isStoreAway: boolean) => void;
  /** Called once when it ends by itself: it ran out of memory, or a library threw where nothing catches. */
  readonly onDeath: () => void;
}

/** A running thread (`thread.ts`). */
export interface ProbeThread {
  begin(job: number, kind: ProbeKind, blob: { readonly sha256: string; readonly bytes: number }): void;
  /** Whether it keeps the process from ending: only while it works. */
  hold(isWorking: boolean): void;
  stop(): Promise<void>;
}

/** Starts the thread and answers its reads from the blob store. */
export function startProbeThread({ blobs, readBytes, onDone, onDeath }: ThreadDeps): ProbeThread {
  const { code, isSource } = threadCode();
  const worker = new Worker(code, {
    eval: isSource,
    resourceLimits: MEMORY,
    // What a library writes about a foreign file is of no use, and may quote it.
    stdout: true,
    stderr: true,
    env: {},
  });
  const jobs = new Map<number, { readonly sha256: string; read: number; isStoreAway: boolean }>();
  let isStopped = false;

  const post = (message: ToThread, transfer: ArrayBuffer[] = []): void => {
    if (!isStopped) worker.postMessage(message, transfer);
  };

  const answerRead = async ({ job: id, read, start, end }: Extract<FromThread, { type: 'read' }>): Promise<void> => {
    const job = jobs.get(id);
    if (job !== undefined) job.read += end - start;
    const isFair = job !== undefined && job.read <= readBytes;
    const bytes = isFair ? await readRange(blobs, job.sha256, start, end) : null;
    if (isFair && bytes === null) job.isStoreAway = true;
    post({ type: 'bytes', read, bytes }, bytes === null ? [] : [bytes.buffer]);
  };

  worker.stdout.resume();
  worker.stderr.resume();
  worker.on('message', (message: FromThread) => {
    if (isStopped) return;
    if (message.type === 'read') {
      void answerRead(message);
      return;
    }
    const isStoreAway = jobs.get(message.job)?.isStoreAway === true;
    jobs.delete(message.job);
    onDone(message.job, message.facts, isStoreAway);
  });
  // 'exit' follows.
  worker.on('error', () => undefined);
  worker.on('exit', () => {
    if (!isStopped) onDeath();
    isStopped = true;
  });

  return {
    begin(job, kind, { sha256, bytes }) {
      jobs.set(job, { sha256, read: 0, isStoreAway: false });
      post({ type: 'probe', job, kind, size: bytes });
    },
    hold(isWorking) {
      if (isWorking) worker.ref();
      else worker.unref();
    },
    async stop() {
      isStopped = true;
      await worker.terminate();
    },
  };
}

/** Run from its source, as in tests, a thread has to be taught TypeScript first: Node passes loaders on to none. */
function threadCode(): { readonly code: URL | string; readonly isSource: boolean } {
  const built = new URL('./thread.js', import.meta.url);
  if (existsSync(built)) return { code: built, isSource: false };
  const source = JSON.stringify(new URL('./thread.ts', import.meta.url).href);
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); })`;
  return { code, isSource: true };
}

/** Null when the store does not answer with all of it. */
async function readRange(
  blobs: Pick<BlobStore, 'read'>,
  sha256: string,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const body = await blobs.read(sha256, { start, end: end - 1 });
    if (body === null) return null;
    const bytes = new Uint8Array(end - start);
    let filled = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return filled === bytes.length ? bytes : null;
  } catch {
    return null;
  }
}
