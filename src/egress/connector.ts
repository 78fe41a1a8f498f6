import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import type { AllowList } from './allow-list.js';
import { effectivePort } from './effective-port.js';
import { handOver } from './hand-over.js';
import { isPermitted } from './is-permitted.js';
import { notAllowed } from './not-allowed.js';
import type { Resolver } from './resolver.js';

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
      connectorFor(port)(options, handOver(callback));
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
