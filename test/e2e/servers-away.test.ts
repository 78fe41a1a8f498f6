import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { MongoClient } from 'mongodb';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { eventually } from '../support/eventually.js';
import { spawnCli } from '../support/running-stack.js';

const SECRET = 'a-secret-of-this-test-that-is-long-enough';
/** Nothing listens there: the port was free a moment ago. */
const nowhere = async () => `127.0.0.1:${await anyFreePort()}`;

interface Service {
  readonly child: ChildProcess;
  readonly api: string;
  readonly log: () => string;
}
const services: Service[] = [];
const dataDir = mkdtempSync(join(tmpdir(), 'durable-import-away-'));

async function start(command: 'gateway' | 'worker', servers: Readonly<Record<string, string>>): Promise<Service> {
  const [port, metrics] = [await anyFreePort(), await anyFreePort()];
  const ports = { PORT: String(port), METRICS_PORT: String(metrics) };
  const child = spawnCli([command], { ...process.env, ...ports, DATA_DIR: dataDir, TOKEN_SECRET: SECRET, ...servers });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const service = { child, api: `http://127.0.0.1:${port}`, log: () => log };
  services.push(service);
  return service;
}

afterEach(async () => {
  for (const { child } of services.splice(0)) {
    if (child.exitCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
  rmSync(dataDir, { recursive: true, force: true });
});

async function post(api: string): Promise<Response> {
  const token = await new SignJWT({ projectId: 'away', scope: 'public-api:write', name: 't', jti: 'away-1' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
  return fetch(`${api}/api/v1/import/videos`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      systemName: 'away',
      videos: [{ url: 'https://media.example.com/a.mp4', id: 'a', fileName: 'a', metadata: {} }],
    }),
  });
}

describe('a process whose servers are away', () => {
  it('says which MongoDB it tried, keeps trying, is not ready and refuses imports for now', async () => {
    const mongodb = await nowhere();
    const gateway = await start('gateway', {
      MONGODB_URL: `mongodb://${mongodb}`,
      TEMPORAL_ADDRESS: process.env['TEST_TEMPORAL_ADDRESS'] ?? '',
    });

    await eventually('two tries', () => gateway.log().split(`cannot be reached at ${mongodb}`).length > 2);
    const ready = await fetch(`${gateway.api}/readyz`);
    const refused = await post(gateway.api);

    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 503, error_details: { mongodb: 'MongoDB does not answer' } });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${gateway.api}/healthz`)).status).toBe(200);
    expect(gateway.child.exitCode).toBeNull();
  });

  it('refuses imports and stores nothing of them while Temporal is away', async () => {
    const url = process.env['TEST_MONGODB_URL'] ?? '';
    const database = `away_${Date.now()}`;
    const gateway = await start('gateway', {
      MONGODB_URL: url,
      MONGODB_DATABASE: database,
      TEMPORAL_ADDRESS: await nowhere(),
    });

    const ready = await eventually('an answer', () => fetch(`${gateway.api}/readyz`));
    const refused = await post(gateway.api);

    expect(await ready.json()).toMatchObject({ status: 503, error_details: { temporal: 'Temporal does not answer' } });
    expect(refused.status).toBe(503);
    expect(refused.headers.has('retry-after')).toBe(true);
    const mongo = await new MongoClient(url).connect();
    try {
      for (const name of ['batches', 'items'])
        expect({ name, count: await mongo.db(database).collection(name).countDocuments() }).toEqual({ name, count: 0 });
    } finally {
      await mongo.db(database).dropDatabase();
      await mongo.close();
    }
  });

  it.each(['MONGODB_URL', 'TEMPORAL_ADDRESS'])(
    'a worker waits for the server of %s and says where it looks',
    async (missing) => {
      const away = await nowhere();
      const servers = {
        MONGODB_URL: process.env['TEST_MONGODB_URL'] ?? '',
        MONGODB_DATABASE: `away_worker_${Date.now()}`,
        TEMPORAL_ADDRESS: process.env['TEST_TEMPORAL_ADDRESS'] ?? '',
      };
      const worker = await start('worker', {
        ...servers,
        [missing]: missing === 'MONGODB_URL' ? `mongodb://${away}` : away,
      });

      await eventually('two tries', () => worker.log().split(`cannot be reached at ${away}`).length > 2, 120_000);

      expect(worker.child.exitCode).toBeNull();
    },
  );
});

describe('a process that cannot work as configured', () => {
  it('names every setting that is wrong, and its rule, and ends', async () => {
    const { child, log } = await start('gateway', { TOKEN_SECRET: 'short', DOWNLOAD_MAX_BYTES: 'much' });

    const [code] = (await once(child, 'close')) as [number];

    expect(code).toBe(1);
    expect(log()).toContain('TOKEN_SECRET: must be at least 32 bytes');
    expect(log()).toContain('DOWNLOAD_MAX_BYTES: must be a size such as');
  });

  it('names a port that is taken and the setting to change', async () => {
    const taken = new URL(`http://${(process.env['TEST_TEMPORAL_ADDRESS'] ?? '').replace(/^http:\/\//, '')}`).port;
    const { child, log } = await start('gateway', { PORT: taken });

    const [code] = (await once(child, 'close')) as [number];

    expect(code).toBe(1);
    expect(log()).toContain(`127.0.0.1:${taken} is in use already, set PORT to another port`);
  });
});
