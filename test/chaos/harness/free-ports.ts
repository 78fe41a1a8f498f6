import { isPortFree } from '../../../src/local-stack/ports.js';
import { eventually } from '../../support/eventually.js';

/** Below the range for outgoing connections, so that no other process is given one while its server is down. */
const [FIRST, LAST] = [20_000, 30_000];

/** So many different ports of 127.0.0.1 that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = await eventually('a free port', async () => {
      const candidate = FIRST + Math.floor(Math.random() * (LAST - FIRST));
      return !found.has(candidate) && (await isPortFree(candidate)) && candidate;
    });
    found.add(port);
  }
  return [...found];
}
