/** The file that a writer fills. */
export interface FsPartFile {
  readonly path: string;
  /** Bytes that another attempt would find. */
  readonly kept: number;
  /** Makes the file on the first call, also for no bytes. */
  append(bytes: Uint8Array): Promise<void>;
  /** Makes everything durable and closes: from now on the file may get the name of a blob. */
  seal(): Promise<void>;
  /** Appends the rest, keeps what can be kept and closes. Never throws. */
  suspend(rest: Uint8Array): Promise<void>;
  /** Closes and removes. Never throws. */
  drop(): Promise<void>;
}
