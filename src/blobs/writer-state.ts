/** Holds the promise that exactly one of commit and discard ends a writer. Misuse is a bug of the caller, so a plain Error. */
export interface WriterState {
  /** @throws Error after commit or discard was called */
  assertOpen(): void;
  /** Nothing may be written from here on; only discard may follow, when the commit fails. */
  close(): void;
  /** Answers whether this call ended the writer: what it left behind is dropped once. */
  end(): boolean;
}

export function createWriterState(): WriterState {
  let open = true;
  let ended = false;

  function assertOpen(): void {
    if (!open) throw new Error('The blob writer was committed or discarded before');
  }

  return {
    assertOpen,
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
