import { afterEach } from '@jest/globals';
import type { Egress, EgressResponse } from '../../../src/egress/egress.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createEgress, type EgressDeps } from '../../../src/egress/create-egress.js';

export { aRequestOf as aRequest } from './a-request.js';

interface Closable {
  close(): Promise<void>;
}

const open: Closable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** Closes what a test opened when the test ends, last opened first. */
export function closing<T extends Closable>(one: T): T {
  open.push(one);
  return one;
}

/** An egress that lets `allow` through and resolves no name, unless told otherwise. */
export function openEgress(allow: string, deps: Partial<EgressDeps> = {}): Egress {
  const egress = createEgress({
    allow: parseAllowList(allow),
    connectTimeoutMs: 5000,
    hostMaxConnections: 8,
    lookup: () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
    ...deps,
  });
  return closing(egress);
}

export async function textOf(response: EgressResponse): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
