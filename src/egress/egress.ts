import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export interface EgressRequest {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` only, over `headers`; once a redirect has led elsewhere they are not sent any more. */
  readonly originHeaders?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** 0 refuses to follow: the 3xx is the answer. Every hop passes the same checks as the first. */
  readonly maxRedirects: number;
  readonly headersTimeoutMs: number;
  /** Longest pause between two chunks of the body. */
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface EgressResponse {
  readonly status: number;
  /** The host that answered, where redirects led to another one than that of the URL. */
  readonly host?: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as sent, not decoded. The caller reads it to its end or destroys it. */
  readonly body: Readable;
}

/**
 * The only door to foreign hosts; downloads and webhooks both go through it.
 * @throws ImportError url_not_allowed, redirect_refused, dns_failed, connect_failed, tls_failed, timeout
 */
export interface Egress {
  request(request: EgressRequest): Promise<EgressResponse>;
  close(): Promise<void>;
}
