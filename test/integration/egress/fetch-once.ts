import { EnvHttpProxyAgent, request } from 'undici';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createEgress } from '../../../src/egress/create-egress.js';
import { aRequestOf } from './a-request.js';

/**
 * A process of its own, for what only the environment of a process can show: `fetch-once.ts URL ALLOW [trust-environment]` prints
 * what comes of one request through the door, or of one that trusts the environment.
 */
async function fetchOnce(url: string, allow: string, trustEnvironment: boolean): Promise<string> {
  if (trustEnvironment) {
    const { body } = await request(url, { dispatcher: new EnvHttpProxyAgent() });
    return body.text();
  }
  const egress = createEgress({ allow: parseAllowList(allow), connectTimeoutMs: 5000, hostMaxConnections: 1 });
  try {
    const { body } = await egress.request(aRequestOf(url));
    return (await body.toArray()).join('');
  } finally {
    await egress.close();
  }
}

const [, , url = '', allow = '', mode] = process.argv;
fetchOnce(url, allow, mode === 'trust-environment').then(
  (text) => process.stdout.write(text),
  (error: unknown) => process.stdout.write(String((error as { code?: unknown }).code)),
);
