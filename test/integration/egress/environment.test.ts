import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { startCanary } from '../../support/canary.js';
import { closing } from './egress-fixture.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';
import { SELF_SIGNED } from './self-signed.js';

const SCRIPT = fileURLToPath(new URL('./fetch-once.ts', import.meta.url));

/** Runs fetch-once.ts with these variables beside the usual ones; Node's own switch for proxies of the environment is on where it exists. */
async function inChild(variables: Readonly<Record<string, string>>, args: readonly string[]): Promise<string> {
  const flag = process.allowedNodeEnvironmentFlags.has('--use-env-proxy') ? ['--use-env-proxy'] : [];
  const env = { ...process.env, NODE_USE_ENV_PROXY: '1', NODE_NO_WARNINGS: '1', ...variables };
  const command = [...flag, '--import', 'tsx', SCRIPT, ...args];
  return (await promisify(execFile)(process.execPath, command, { env })).stdout;
}

/** Every spelling that some client honours, leading to the trap; no host is excepted. */
function proxyVariables(port: number): Record<string, string> {
  const url = `http://127.0.0.1:${port}/`;
  const names = ['http_proxy', 'https_proxy', 'all_proxy', 'npm_config_proxy', 'npm_config_https_proxy'];
  const named = names.flatMap((name) => [[name, url] as const, [name.toUpperCase(), url] as const]);
  return { ...Object.fromEntries(named), no_proxy: '', NO_PROXY: '' };
}

/** A proxy that refuses whatever comes to it. */
async function startTrap() {
  return closing(await startRawServer((socket) => socket.end(httpAnswer(403))));
}

describe('the environment of the process', () => {
  it('does not lead requests to a proxy, in any spelling, under Node’s own switch', async () => {
    const origin = closing(await startRawServer((socket) => socket.end(httpAnswer(200, {}, 'direct'))));
    const trap = await startTrap();

    const text = await inChild(proxyVariables(trap.port), [`${origin.origin}/`, `127.0.0.1/32:${origin.port}`]);

    expect(text).toBe('direct');
    expect(trap.connections()).toBe(0);
  });

  it('would lead a client that trusts it into the trap', async () => {
    const origin = closing(await startRawServer((socket) => socket.end(httpAnswer(200, {}, 'direct'))));
    const trap = await startTrap();

    await inChild(proxyVariables(trap.port), [`${origin.origin}/`, '', 'trust-environment']);

    expect(trap.connections()).toBeGreaterThan(0);
    expect(origin.connections()).toBe(0);
  });

  it('opens no way to refused addresses by excepting them from proxies', async () => {
    const canary = closing(await startCanary());
    const variables = { ...proxyVariables(9), no_proxy: '*', NO_PROXY: '127.0.0.1,localhost' };

    const code = await inChild(variables, [`http://127.0.0.1:${canary.port}/`, `127.9.9.9/32:${canary.port}`]);

    expect(code).toBe('url_not_allowed');
    expect(canary.connections).toEqual([]);
  });

  it('does not switch the verification of certificates off', async () => {
    const server = createTlsServer(SELF_SIGNED, (socket) => socket.resume().end(httpAnswer(200, {}, 'unverified')));
    server.on('tlsClientError', () => undefined);
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing({
      close: () => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) =>
          server.close(() => {
            resolve();
          }),
        );
      },
    });
    const { port } = server.address() as AddressInfo;
    const url = `https://127.0.0.1:${port}/`;
    const variables = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };

    expect(await inChild(variables, [url, `127.0.0.1/32:${port}`])).toBe('tls_failed');
    expect(await inChild(variables, [url, '', 'trust-environment'])).toBe('unverified');
  });
});
