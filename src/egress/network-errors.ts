import { types } from 'node:util';
import { errorCode, ImportError, type Stage } from '../domain/errors.js';

/** X509 verification results as Node names them (OpenSSL, verify(1)), and its own check of the host name. */
const CERTIFICATE_ERRORS: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_TLS_CERT_ALTNAME_FORMAT',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNSPECIFIED', // every result that Node has no name for, such as an unknown critical extension
]);

const TIMEOUTS: Readonly<Record<string, readonly [Stage, string]>> = {
  UND_ERR_CONNECT_TIMEOUT: ['connect', 'The source did not accept a connection in time'],
  ETIMEDOUT: ['connect', 'The source did not accept a connection in time'],
  UND_ERR_HEADERS_TIMEOUT: ['headers', 'The source did not answer the request in time'],
  UND_ERR_BODY_TIMEOUT: ['body', 'The source stopped sending for too long'],
};

const BROKEN_CONNECTION: ReadonlySet<string> = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTCONN',
  'EPIPE',
  'EPROTO',
  'ERR_CONNECTION_RESET',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_INFO',
  'UND_ERR_PRX_TLS',
  'UND_ERR_SOCKET',
]);

/** Descriptors, ports or memory of this machine that are used up: no host is to blame. */
const OUR_SHORTAGES: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** Nonsense instead of an HTTP answer; proxies and servers that restart send it too, so it is worth another attempt. */
const MALFORMED_ANSWER = /^(UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|HPE_\w+)$/;

/** Structural: an error of Node's own may come from another realm than this module, where `instanceof` fails. */
interface ErrorLike {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly errors?: unknown;
}

function isConnectionTrouble({ syscall }: ErrorLike, code: string, phase: 'headers' | 'body'): boolean {
  // Without a signal of ours, undici aborts a request only where an egress proxy refuses the tunnel.
  const tunnelRefused = phase === 'headers' && code === 'UND_ERR_ABORTED';
  return syscall === 'connect' || tunnelRefused || BROKEN_CONNECTION.has(code) || /^ERR_(SSL|TLS)_/.test(code);
}

/**
 * What a failure of a socket, of TLS or of undici means. `phase` tells whether the headers of the answer had arrived: a
 * connection that breaks is `connect_failed` before and `truncated` after. The error it is made from is not kept as `cause`,
 * because Node writes addresses into its messages; an ImportError is answered as it is.
 * @returns undefined for what is not the network's doing (an abort, a full disk, a bug)
 */
export function classifyNetworkError(error: unknown, phase: 'headers' | 'body'): ImportError | undefined {
  if (error instanceof ImportError) return error;
  if (!types.isNativeError(error)) return undefined;
  const like = error as Error & ErrorLike;
  const { code: rawCode, errors } = like;
  // All addresses of a name failed: the first one speaks for them.
  if (Array.isArray(errors)) return classifyNetworkError(errors[0], phase);
  const code = typeof rawCode === 'string' ? rawCode : '';

  if (phase === 'headers' && OUR_SHORTAGES.has(code)) {
    const message = `The worker has no sockets or ports left (${code})`;
    return new ImportError('connect_failed', message, { stage: 'connect', isOurs: true });
  }
  const timeout = Object.hasOwn(TIMEOUTS, code) ? TIMEOUTS[code] : undefined;
  if (timeout !== undefined) {
    const [stage, message] =
      phase === 'body' ? (['body', 'The source stopped sending for too long'] as const) : timeout;
    return new ImportError('timeout', message, { stage });
  }
  if (CERTIFICATE_ERRORS.has(code)) {
    return new ImportError('tls_failed', `The TLS certificate of the source is not valid (${code})`, {
      stage: 'connect',
    });
  }
  // undici forgets to give its parser's error a code.
  const malformed = MALFORMED_ANSWER.test(code) || like.name === 'HTTPParserError';
  if (!malformed && !isConnectionTrouble(like, code, phase)) return undefined;
  if (phase === 'body') {
    return new ImportError('truncated', 'The connection broke before the body was complete', { stage: 'body' });
  }
  return malformed
    ? new ImportError('connect_failed', 'The source did not answer with valid HTTP', { stage: 'headers' })
    : new ImportError('connect_failed', 'The connection was refused or broke before an answer came', {
        stage: 'connect',
      });
}

/** What undici refuses before it opens a socket: the arguments are ours, and so is the mistake. */
const OWN_MISTAKES: ReadonlySet<unknown> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/**
 * What to throw for a request that failed before its headers. Whatever a foreign host provokes ends the attempt with a reason,
 * however odd it is (undici's assertions about an answer, say): thrown as it is, it would pass for trouble of ours and be
 * retried without end. Only its code is kept, because the message may hold addresses or bytes of the host.
 * @returns an ImportError, or the error itself where our own arguments were refused before any I/O
 */
export function requestFailure(error: unknown): unknown {
  const known = classifyNetworkError(error, 'headers');
  if (known !== undefined) return known;
  const code = errorCode(error);
  if (OWN_MISTAKES.has(code)) return error;
  const hint = typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : '';
  return new ImportError('connect_failed', `The request failed before an answer came${hint}`, { stage: 'headers' });
}
