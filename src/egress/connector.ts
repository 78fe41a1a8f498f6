import { isIP, type LookupFunction } from 'node:net';
import { buildConnector, Pool, ProxyAgent, type Dispatcher } from 'undici';
import { ImportError } from '../domain/errors.js';
import { isPermitted, notAllowed, WEB_PORTS, type AllowList } from './addresses.js';
import type { Resolver } from './resolver.js';
import { surfaceResets } from './response-heads.js';
import { effectivePort } from './urls.js';

export interface ConnectorDeps {
  readonly allow: AllowList;
  readonly resolver: Resolver;
  readonly connectTimeoutMs: number;
}

/** Node's 250 ms gives up on a host of several addresses when all of them are an ocean away. */
const ADDRESS_ATTEMPT_TIMEOUT_MS = 1000;

/**
 * Answers a socket with vetted addresses only. Always through nextTick: an error that is handed over synchronously is emitted
 * before undici listens for it, and ends the process.
 */
function pinnedLookup(resolver: Resolver, port: number): LookupFunction {
  return (hostname, options, callback) => {
    resolver.resolve(hostname, port).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) process.nextTick(callback, null, [...addresses]);
        else process.nextTick(callback, null, first?.address, first?.family);
      },
      (error: unknown) => {
        process.nextTick(callback, error, options.all === true ? [] : '');
      },
    );
  };
}

/**
 * The connector of the egress agent: no socket is opened to an address that was not vetted. Literal addresses are checked here
 * because Node never calls `lookup` for them; names are pinned to what the resolver vetted for this very connection. TLS keeps
 * the host name for SNI and the certificate.
 */
export function createConnector({ allow, resolver, connectTimeoutMs }: ConnectorDeps): buildConnector.connector {
  const byPort = new Map<number, buildConnector.connector>();

  function connectorFor(port: number): buildConnector.connector {
    const known = byPort.get(port);
    if (known !== undefined) return known;
    const connector = buildConnector({
      timeout: connectTimeoutMs,
      lookup: pinnedLookup(resolver, port),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_TIMEOUT_MS,
      allowH2: false,
      // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED of the environment does not switch verification off.
      rejectUnauthorized: true,
    });
    byPort.set(port, connector);
    return connector;
  }

  return (options, callback) => {
    const port = effectivePort(options);
    if (isIP(options.hostname) !== 0 && !isPermitted(options.hostname, port, allow)) {
      process.nextTick(callback, notAllowed('connect'), null);
      return;
    }
    const connect = () => {
      connectorFor(port)(options, surfaceResets(callback));
    };
    if (isIP(options.hostname) !== 0) {
      connect();
      return;
    }
    // Resolved first, so that the wait for DNS is not taken from the time to connect; `lookup` finds the answer kept.
    resolver
      .resolve(options.hostname, port)
      .then(connect)
      .catch((error: unknown) => {
        process.nextTick(callback, error, null);
      });
  };
}

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
      tunnel(options, refuseEarlySpeech(surfaceResets(callback)));
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
