/** What a source may cost. The defaults and their reasons are in the configuration; tests pass small ones. */
export interface SourceLimits {
  /** From the request to the response headers, of every hop. */
  readonly headersTimeoutMs: number;
  /** Longest silence within a body. */
  readonly idleTimeoutMs: number;
  readonly minSpeedBytesPerSecond: number;
  /** Span of waiting for the network over which the minimum speed is measured. */
  readonly minSpeedWindowMs: number;
  /** Largest body, as announced, as received and as decoded. */
  readonly maxBytes: number;
  readonly maxRedirects: number;
}
