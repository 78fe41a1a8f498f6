import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { choosePorts } from '../../../src/local-stack/ports.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function aBusyPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('choosePorts', () => {
  it('moves on from busy ports that were not requested, and from those of servers, and says so', async () => {
    const [api, temporal] = [await aBusyPort(), await aBusyPort()];
    const lines: string[] = [];
    const env = { TEMPORAL_PORT: String(temporal), MONGODB_PORT: '21100' };

    const ports = await choosePorts({ env, api, metrics: 21200, report: (line) => lines.push(line) });

    expect(ports.api).toBeGreaterThan(api);
    expect(ports.temporal).toBeGreaterThan(temporal);
    expect(ports.temporalUi).toBeGreaterThanOrEqual(ports.temporal + 1000);
    expect(new Set(Object.values(ports)).size).toBe(5);
    expect(lines).toContain(`Port ${api} is in use, the API takes ${ports.api}`);
    expect(lines).toContain(`Port ${temporal} is in use, Temporal takes ${ports.temporal}`);
  });

  it.each(['PORT', 'METRICS_PORT'])('names %s when it was set and is busy', async (setting) => {
    const busy = await aBusyPort();
    const env = { [setting]: String(busy) };
    const wishes = { api: 21300, metrics: 21400, ...(setting === 'PORT' ? { api: busy } : { metrics: busy }) };

    await expect(choosePorts({ env, ...wishes, report: () => undefined })).rejects.toThrow(
      `Port ${busy} is in use; choose another with ${setting}`,
    );
  });

  it('refuses what is no port', async () => {
    const env = { TEMPORAL_PORT: '65000' };

    await expect(choosePorts({ env, api: 21500, metrics: 21600, report: () => undefined })).rejects.toThrow(
      'TEMPORAL_PORT must be a port from 1 to 64535',
    );
  });
});
