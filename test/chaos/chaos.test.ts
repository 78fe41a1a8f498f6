import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it, jest } from '@jest/globals';

/** Chosen once: what a failing run did can be done again. `npm run chaos` takes a new one each time. */
const SEED = 20_260_501;
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
/** Half a minute of breaking things; the rest is for slow machines, of which a run takes more than one time limit of its own. */
jest.setTimeout(600_000);

it('a service under fire loses nothing, does nothing twice and leaves nothing behind', async () => {
  const args = ['--import', 'tsx', MAIN, '--items', '400', '--minutes', '0.5', '--seed', String(SEED)];
  // It ends when its channel to this process does, with everything that it has started.
  const run = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  for (const stream of [run.stdout, run.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(run, 'close')) as [number | null];

  // Shown whole when it is not as it has to be.
  expect(code === 0 ? '' : output).toBe('');
  const acts = [...output.matchAll(/^broken {5}(.+): \d+$/gm)].map((match) => match[1]);
  expect(acts).toEqual(
    expect.arrayContaining([
      ...['kill worker', 'kill gateway', 'kill temporal', 'kill mongodb', 'collect garbage', 'folder gone'],
      ...['toxic latency', 'toxic bandwidth', 'toxic slicer', 'toxic reset', 'toxic cut', 'toxic limit'],
    ]),
  );
});
