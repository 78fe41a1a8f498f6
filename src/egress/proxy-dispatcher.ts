import { isIP } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';
import { Pool, ProxyAgent } from 'undici';
import { ImportError } from '../contract/errors.js';
import type { AllowList } from './allow-list.js';
import { effectivePort } from './effective-port.js';
import { handOver } from './hand-over.js';
import { isPermitted, WEB_PORTS } from './is-permitted.js';
import { notAllowed } from './not-allowed.js';

export interface ProxyDispatcherDeps {
  readonly proxyUrl: string;
  readonly allow: AllowList;
  readonly connectTimeoutMs: number;
  /** What every pool of connections to an origin is given. */
  readonly pool: Pool.Options;
}

/**
 * Fails a connection whose other end speaks before it is asked, or is gone already: undici would throw such a tunnel away and ask
 * for the next one, about a hundred times a second and without end.
 */
function refuseEarlySpeech(callback: buildConnector.Callback): buildConnector.Callback {
  return (...[error, socket]) => {
    if (error === null && (socket.readableLength > 0 || socket.readableEnded || socket.destroyed)) {
      socket.destroy();
      callback(
        new ImportError('connect_failed', 'The source did not answer with valid HTTP', { stage: 'headers' }),
        null,
      );
    } else if (error === null) callback(null, socket);
    else callback(error, null);
  };
}

/**
 * Never asks for a tunnel that the rules refuse, whatever the caller. What a name leads to is the proxy's to judge, and it knows nothing
 * of the allow list: a name gets a tunnel on the web's ports only.
 */
function guardTunnel(tunnel: buildConnector.connector, allow: AllowList): buildConnector.connector {
  return (options, callback) => {
    const port = effectivePort(options);
    const isAddress = isIP(options.hostname) !== 0;
    if (isAddress ? isPermitted(options.hostname, port, allow) : WEB_PORTS.has(port)) {
      tunnel(options, refuseEarlySpeech(handOver(callback)));
      return;
    }
    process.nextTick(callback, notAllowed('connect'), null);
  };
}

/** Everything through tunnels (CONNECT) of one forward proxy, which resolves the names and has to vet what they lead to. */
export function createProxyDispatcher({ proxyUrl, allow, connectTimeoutMs, pool }: ProxyDispatcherDeps): Dispatcher {
  // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED of the environment does not switch verification off.
  const verified = { timeout: connectTimeoutMs, rejectUnauthorized: true };
  return new ProxyAgent({
    ...pool,
    uri: proxyUrl,
    proxyTunnel: true,
    proxyTls: verified,
    requestTls: verified,
    // A tunnel is part of connecting; undici would wait five minutes for a proxy that does not answer.
    clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout: connectTimeoutMs }),
    factory: (origin, options: Pool.Options) => {
      const { connect } = options;
      if (typeof connect !== 'function') throw new Error('undici hands no tunnel to the pool');
      return new Pool(origin, { ...options, connect: guardTunnel(connect, allow) });
    },
  });
}
