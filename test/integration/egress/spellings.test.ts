import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ImportError } from '../../../src/domain/errors.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { checkUrl } from '../../../src/egress/urls.js';
import { startCanary, type Canary } from '../../support/canary.js';
import { isInnerHost, publicLookAlike, urlSpelling } from '../../support/egress-spellings.js';
import { aRequest, openEgress } from './egress-fixture.js';
import { startRawServer, type RawServer } from '../../servers/raw-server.js';

const DIRECT = 8000;
const REDIRECTED = 2000;
const LOOK_ALIKES = 4000;

/** What every name resolves to: the canary, in each way that DNS can spell it. */
const CANARY_ADDRESSES = ['127.0.0.2', '127.0.0.1', '::1', '::ffff:127.0.0.2', '0.0.0.0'];

describe('random spellings of inner addresses', () => {
  let canary: Canary;
  /** Redirects /?to=… to what the query says, in base64, and everything else nowhere. */
  let redirector: RawServer;
  let tried = 0;
  let turn = 0;

  beforeAll(async () => {
    canary = await startCanary();
    redirector = await startRawServer((socket, head) => {
      const [, target = ''] = /^GET \/\?to=(\S*)/.exec(head) ?? [];
      const location = Buffer.from(target, 'base64url');
      const before = Buffer.from('HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: ');
      socket.write(Buffer.concat([before, location, Buffer.from('\r\n\r\n')]));
    });
  });

  afterAll(async () => {
    await Promise.all([canary.close(), redirector.close()]);
    // For readers of the log of a run: how much was tried, and with what result.
    process.stdout.write(`egress: ${tried} inputs tried, ${canary.connections.length} connections at the canary\n`);
  });

  const allow = () => `127.9.9.9/32:${canary.port},127.0.0.1/32:${redirector.port}`;

  function openGuarded() {
    const lookup = () => {
      turn += 1;
      const address = CANARY_ADDRESSES[turn % CANARY_ADDRESSES.length] ?? '';
      return Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
    };
    return openEgress(allow(), { lookup });
  }

  /** A public address that a spelling turned out to mean must not be dialled by a test; an inner one has been let through. */
  function passesAsPublicLiteral(url: string): boolean {
    const verdict = checkUrl(url, parseAllowList(allow()));
    if (!verdict.ok) return false;
    expect(isInnerHost(verdict.url.hostname)).toBe(false);
    return /^\[|^[\d.]+$/.test(verdict.url.hostname);
  }

  it(`end in an ImportError, ${DIRECT} of them, without one connection`, async () => {
    const egress = openGuarded();

    await fc.assert(
      fc.asyncProperty(urlSpelling(canary.port), async (url) => {
        tried += 1;
        if (passesAsPublicLiteral(url)) return;
        const error: unknown = await egress.request(aRequest(url)).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ImportError);
        expect((error as ImportError).code).toBe('url_not_allowed');
      }),
      { numRuns: DIRECT },
    );

    expect(canary.connections).toEqual([]);
  });

  it(`are no place to be redirected to, ${REDIRECTED} of them`, async () => {
    const egress = openGuarded();
    const here = `http://127.0.0.1:${redirector.port}`;

    await fc.assert(
      fc.asyncProperty(urlSpelling(canary.port), async (target) => {
        // A line break would end the header: Location cannot carry it.
        const location = target.replace(/[\r\n\u0000]/g, '');
        tried += 1;
        // Some spellings are paths of the redirector itself, which lead nowhere.
        const leadsTo = URL.canParse(location, here) ? new URL(location, here).href : '';
        if (!leadsTo.startsWith(`${here}/`) && passesAsPublicLiteral(leadsTo)) return;
        const url = `${here}/?to=${Buffer.from(location).toString('base64url')}`;
        const error: unknown = await egress.request(aRequest(url)).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ImportError);
        expect((error as ImportError).code).toBe('redirect_refused');
      }),
      { numRuns: REDIRECTED },
    );

    expect(canary.connections).toEqual([]);
  });

  it(`are told apart from ${LOOK_ALIKES} public neighbours, which all pass the URL rules`, () => {
    const nothing = parseAllowList('');

    fc.assert(
      fc.property(publicLookAlike(), (url) => {
        expect(checkUrl(url, nothing)).toMatchObject({ ok: true });
      }),
      { numRuns: LOOK_ALIKES },
    );
  });

  it('would be seen by the canary', () => {
    expect(canary.listening).toEqual(expect.arrayContaining([`127.0.0.1:${canary.port}`, `127.0.0.2:${canary.port}`]));
  });
});
