import pTimeout from 'p-timeout';
import { Agent, type Dispatcher } from 'undici';
import { ImportError } from '../domain/errors.js';
import { notAllowed, type AllowList } from './addresses.js';
import { createConnector, createProxyDispatcher } from './connector.js';
import type { Egress, EgressRequest } from './egress.js';
import { requestFailure } from './network-errors.js';
import {
  createHopCookies,
  headersForHop,
  joinedCookies,
  isRedirect,
  redirectRefused,
  redirectTarget,
} from './redirects.js';
import { createResolver, type Lookup } from './resolver.js';
import { checkUrl } from './urls.js';

export interface EgressDeps {
  readonly allow: AllowList;
  readonly connectTimeoutMs: number;
  /** Connections to one origin at a time; further requests wait. */
  readonly hostMaxConnections: number;
  readonly maxHeaderBytes?: number;
  /** Stands in for the system's resolver. */
  readonly lookup?: Lookup;
  /** Stands in for asking the name servers directly; `lookup` does so too when only that is given. */
  readonly directLookup?: Lookup;
  /** An egress proxy that resolves and vets names itself, such as smokescreen. Proxies of the environment are ignored. */
  readonly proxyUrl?: string;
}

/** Node's own limit for HTTP headers. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Foreign servers may ask for up to 10 minutes; an idle connection must not outlive the vetting of its address for long. */
const KEEP_ALIVE_MAX_MS = 10_000;
/** A redirect's body is a short note: worth reading to keep the connection, not worth waiting for. */
const REDIRECT_BODY_BYTES = 64 * 1024;
const REDIRECT_BODY_MS = 1000;
/** RFC 9110 section 15.2 sets no limit on 1xx answers, and each one starts undici's headers timeout again. */
const MAX_INTERIM_ANSWERS = 16;

/** A listener of its own, because undici's bodies emit an error when they are destroyed before their end. */
const ignore = () => {};

function createDispatcher(deps: EgressDeps): Dispatcher {
  const { allow, connectTimeoutMs, hostMaxConnections, maxHeaderBytes = MAX_HEADER_BYTES, proxyUrl } = deps;
  const { lookup, directLookup } = deps;
  const options = {
    connections: hostMaxConnections,
    maxHeaderSize: maxHeaderBytes,
    keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
    pipelining: 1,
    allowH2: false,
  };
  if (proxyUrl !== undefined) return createProxyDispatcher({ proxyUrl, allow, connectTimeoutMs, pool: options });
  const resolver = createResolver({
    allow,
    ...(lookup === undefined ? {} : { lookup }),
    ...(directLookup === undefined ? {} : { directLookup }),
  });
  return new Agent({ ...options, connect: createConnector({ allow, resolver, connectTimeoutMs }) });
}

/** Ends a request whose 1xx answers are too many, or go on for longer than headers may take after the first of them. */
function refuseInterimFlood(headersTimeoutMs: number): () => void {
  let seen = 0;
  let firstAt = 0;
  return () => {
    seen += 1;
    firstAt ||= performance.now();
    if (performance.now() - firstAt > headersTimeoutMs) {
      throw new ImportError('timeout', 'The source did not answer the request in time', { stage: 'headers' });
    }
    if (seen > MAX_INTERIM_ANSWERS) {
      throw new ImportError('connect_failed', 'The source did not answer with valid HTTP', { stage: 'headers' });
    }
  };
}

async function exchange(
  dispatcher: Dispatcher,
  url: URL,
  headers: Readonly<Record<string, string>>,
  request: EgressRequest,
): Promise<Dispatcher.ResponseData> {
  const { method = 'GET', body, headersTimeoutMs, idleTimeoutMs, signal } = request;
  const answer = dispatcher.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method,
    headers,
    body: body ?? null,
    headersTimeout: headersTimeoutMs,
    bodyTimeout: idleTimeoutMs,
    onInfo: refuseInterimFlood(headersTimeoutMs),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    // undici looks at its signal only once a connection is made: a request that waits for DNS, a connection or a free slot would not end.
    const response = await (signal === undefined ? answer : pTimeout(answer, { milliseconds: Infinity, signal }));
    response.body.on('error', ignore);
    return response;
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw requestFailure(error);
  }
}

/** On the way of a redirect, a name that DNS gives away is a refused redirect and not a refused URL. */
function asRefusedHop(error: unknown): unknown {
  if (!(error instanceof ImportError) || error.code !== 'url_not_allowed') return error;
  return redirectRefused('The redirect led to an address that may not be fetched');
}

/** A failure behind a redirect says nothing about the host that sent there, which has answered. */
function failedAt(host: string, error: unknown): unknown {
  if (!(error instanceof ImportError)) return error;
  const { code, message, details, cause } = error;
  return new ImportError(code, message, { ...details, host }, { cause });
}

/**
 * The only door to foreign hosts. Every URL, the first one and each redirect, passes `checkUrl`; every connection passes the
 * connector. Only GET and HEAD follow redirects, and a cookie that one hop sets is sent to later hops of its site. Rejects with the
 * reason of `signal` when that aborts. After the headers, a failing body emits what undici says; `classifyNetworkError(error, 'body')` tells what it means.
 */
export function createEgress(deps: EgressDeps): Egress {
  const dispatcher = createDispatcher(deps);

  return {
    async request(request) {
      request.signal?.throwIfAborted();
      const first = checkUrl(request.url, deps.allow);
      if (!first.ok) throw notAllowed('validate');

      let url = first.url;
      let headers: Readonly<Record<string, string>> = request.headers ?? {};
      let own: Readonly<Record<string, string>> = request.originHeaders ?? {};
      const cookies = createHopCookies();
      for (let hops = 0; ; hops += 1) {
        const sent = { ...headers, ...own, ...joinedCookies(own, cookies.headerFor(url)) };
        const response = await exchange(dispatcher, url, sent, request).catch((error: unknown) => {
          throw hops === 0 ? error : failedAt(url.hostname, asRefusedHop(error));
        });
        const { statusCode: status, body } = response;
        if (request.maxRedirects === 0 || !isRedirect(status)) {
          return { status, headers: response.headers, body, ...(hops > 0 && { host: url.hostname }) };
        }

        body.dump({ limit: REDIRECT_BODY_BYTES, signal: AbortSignal.timeout(REDIRECT_BODY_MS) }).catch(ignore);
        if (request.method === 'POST') throw redirectRefused('Only GET and HEAD requests follow redirects', status);
        if (hops >= request.maxRedirects) {
          throw redirectRefused(`The source redirects more than ${request.maxRedirects} times`, status);
        }
        const target = redirectTarget(url, status, response.headers, deps.allow);
        cookies.keep(url, response.headers);
        headers = headersForHop(headers, url, target);
        if (target.origin !== url.origin) own = {};
        url = target;
      }
    },
    // Bodies that are still being read are cut off: after closing, they are of no use.
    close: () => dispatcher.destroy(),
  };
}
