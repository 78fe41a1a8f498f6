import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { EgressRequest } from '../../../src/egress/egress.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createConnector } from '../../../src/egress/connector.js';
import { createResolver } from '../../../src/egress/resolver.js';
import { startCanary, type Canary } from '../../support/canary.js';
import { attackInputs } from '../../support/egress-attacks.js';
import { aRequest, openEgress, textOf } from './egress-fixture.js';

/** The two callers of the one door: a download follows redirects, a webhook posts and does not. */
const CALLERS: readonly (readonly [string, Partial<EgressRequest>])[] = [
  ['a file', { method: 'GET', maxRedirects: 5 }],
  ['a webhook', { method: 'POST', body: '{}', maxRedirects: 0 }],
];

/** Every name leads to the canary, so that a name that slips through the URL rules is caught out. */
const everyNameIsLoopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);

describe('the door to foreign hosts, attacked', () => {
  let canary: Canary;

  beforeAll(async () => {
    canary = await startCanary();
  });

  afterAll(async () => {
    await canary.close();
  });

  /** Another address is allowed on the canary's port, so that only the address can be the reason of a refusal. */
  function openGuarded() {
    return openEgress(`127.9.9.9/32:${canary.port}`, { lookup: everyNameIsLoopback });
  }

  it.each(CALLERS)('refuses every attack as %s, without one connection', async (_caller, overrides) => {
    const egress = openGuarded();
    const before = canary.connections.length;

    for (const raw of attackInputs(canary.port)) {
      await expect(egress.request(aRequest(raw as string, overrides))).rejects.toMatchObject({
        code: 'url_not_allowed',
        message: 'The address may not be fetched',
        retryable: false,
      });
    }

    expect(canary.connections.slice(before)).toEqual([]);
  });

  it('refuses names that lead to the canary, on every port that it watches', async () => {
    const egress = openGuarded();
    const before = canary.connections.length;

    for (const port of [80, 443, canary.port]) {
      for (const scheme of ['http', 'https']) {
        await expect(egress.request(aRequest(`${scheme}://rebound.example:${port}/`))).rejects.toMatchObject({
          code: 'url_not_allowed',
          message: 'The address may not be fetched',
          details: { stage: 'resolve' },
        });
      }
    }

    expect(canary.connections.slice(before)).toEqual([]);
  });

  it.each(['127.0.0.1', '127.0.0.2', '::1', '::ffff:127.0.0.1', '0.0.0.0'])(
    'refuses %s at the connector too, should the URL rules ever be passed by',
    async (hostname) => {
      const allow = parseAllowList(`127.9.9.9/32:${canary.port}`);
      const resolver = createResolver({ allow, lookup: everyNameIsLoopback });
      const connector = createConnector({ allow, resolver, connectTimeoutMs: 5000 });
      const before = canary.connections.length;

      const outcomes = ['http:', 'https:'].map(
        (protocol) =>
          new Promise((resolve) => {
            connector({ hostname, host: hostname, protocol, port: String(canary.port) }, (...[error]) => {
              resolve(error);
            });
          }),
      );

      for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'url_not_allowed' });
      expect(canary.connections.slice(before)).toEqual([]);
    },
  );

  it('would see a connection, and one of an allowed address', async () => {
    const before = canary.connections.length;
    const egress = openEgress(`127.0.0.1/32:${canary.port}`);

    await once(connect(canary.port, '127.0.0.1').resume(), 'close');
    const answer = await egress.request(aRequest(`http://127.0.0.1:${canary.port}/`));

    expect(await textOf(answer)).toBe('canary');
    expect(canary.connections.length - before).toBe(2);
  });
});
