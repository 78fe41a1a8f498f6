/** What belongs to the batch and not to an item, as the command line gives it. */
export interface BatchFields {
  readonly systemName?: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  readonly priority?: number;
}

/** A batch as it is posted. */
export interface PostBody {
  /** Content-Type. */
  readonly type: string;
  /** Empty, or with its question mark. */
  readonly query: string;
  /** Text at once, or bytes as they are asked for. */
  readonly body: string | AsyncIterable<Uint8Array>;
}
