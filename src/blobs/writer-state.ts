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
