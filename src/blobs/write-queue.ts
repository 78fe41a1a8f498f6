/**
 * Gathers chunks of any size into one of at most `capacity` bytes. It copies: callers may reuse what they gave, and a small
 * slice never keeps the large network buffer behind it alive, so `capacity` is the true bound of memory.
 */
export interface ChunkBuffer {
  readonly length: number;
  /** Takes as much as fits and answers how many bytes that was. */
  append(chunk: Uint8Array): number;
  /** Answers all that was gathered and starts again with other memory. */
  take(): Buffer;
  /**
   * Lets go of what `take` answered, so that its memory may be filled again. Without it each megabyte of a body is a megabyte of
   * garbage outside of V8's heap, which V8 answers with collections of the whole heap.
   */
  giveBack(taken: Buffer): void;
}

/** One read of a socket in Node.js. */
const FIRST_BYTES = 64 * 1024;

/** @param bytesHint announced length of all that will come; memory of that size at once spares growing. */
export function createChunkBuffer(capacity: number, bytesHint: number | null): ChunkBuffer {
  const firstBytes = Math.min(capacity, Math.max(bytesHint ?? FIRST_BYTES, 1));
  let memory: Buffer | null = null;
  let spare: Buffer | null = null;
  let length = 0;

  function reserve(bytes: number): Buffer {
    const old = memory ?? spare ?? Buffer.allocUnsafe(Math.min(capacity, Math.max(firstBytes, bytes)));
    spare = null;
    if (bytes <= old.length) return (memory = old);
    memory = Buffer.allocUnsafe(Math.min(capacity, Math.max(bytes, old.length * 2)));
    old.copy(memory, 0, 0, length);
    return memory;
  }

  return {
    get length() {
      return length;
    },
    append(chunk) {
      const taken = Math.min(chunk.length, capacity - length);
      if (taken === 0) return 0;
      reserve(length + taken).set(taken === chunk.length ? chunk : chunk.subarray(0, taken), length);
      length += taken;
      return taken;
    },
    take() {
      const bytes = memory?.subarray(0, length) ?? Buffer.alloc(0);
      memory = null;
      length = 0;
      return bytes;
    },
    giveBack(taken) {
      if (taken.length === capacity) spare = taken;
    },
  };
}

/** Holds the promise that exactly one of commit, suspend and discard ends a writer. Misuse is a bug of the caller, so a plain Error. */
export interface WriterState {
  /** @throws Error after commit, suspend or discard was called; the first failure of a write after that one */
  assertOpen(): void;
  /** Whether a write failed: bytes are missing behind those that were written before it. */
  readonly failed: boolean;
  /** Runs a write; after one has failed no further one is let through, which would leave a gap. */
  write(operation: () => Promise<void>): Promise<void>;
  /** Nothing may be written from here on; only suspend or discard may follow, when the commit fails. */
  close(): void;
  /** Answers whether this call ended the writer: what it left behind is dealt with once. */
  end(): boolean;
}

export function createWriterState(): WriterState {
  let open = true;
  let ended = false;
  let failure: { readonly error: unknown } | null = null;

  function assertOpen(): void {
    if (!open) throw new Error('The blob writer was committed, suspended or discarded before');
    if (failure) throw failure.error;
  }

  return {
    assertOpen,
    get failed() {
      return failure !== null;
    },
    async write(operation) {
      assertOpen();
      try {
        await operation();
      } catch (error) {
        failure = { error };
        throw error;
      }
    },
    close() {
      assertOpen();
      open = false;
    },
    end() {
      const first = !ended;
      open = false;
      ended = true;
      return first;
    },
  };
}
