import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { lookup } from 'mime-types';
import { listenOnLoopback, type LoopbackServer } from './loopback-server.js';
import { packageRoot } from './package-root.js';

/** Where the sample media of this repository lie. */
function samplesFolder(): string {
  return join(packageRoot(), 'samples');
}

/** How often `/flaky/…` answers 503 before it gives the file. */
const FLAKY_FAILURES = 2;

/**
 * A third party's web server, for the demo: `/<sample>` serves a sample file, `/flaky/<sample>` does so after two answers of
 * 503, everything else is 404.
 */
export function startDemoOrigin(): Promise<LoopbackServer> {
  const failures = new Map<string, number>();
  return listenOnLoopback(
    createServer((request, response) => {
      const path = request.url ?? '/';
      const [, flaky, name] = /^\/(flaky\/)?([a-z0-9-]+\.[a-z0-9]+)$/.exec(path) ?? [];
      const failed = failures.get(path) ?? 0;
      if (name === undefined) answer(response, 404);
      else if (flaky !== undefined && failed < FLAKY_FAILURES) {
        failures.set(path, failed + 1);
        answer(response, 503);
      } else void sendSample(name, response);
    }),
  );
}

async function sendSample(name: string, response: ServerResponse): Promise<void> {
  const file = join(samplesFolder(), name);
  const found = await stat(file).catch(() => null);
  if (found === null) {
    answer(response, 404);
    return;
  }
  const type = lookup(name);
  response.writeHead(200, {
    'content-length': found.size,
    'content-type': type === false ? 'application/octet-stream' : type,
  });
  createReadStream(file).pipe(response);
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end();
}
