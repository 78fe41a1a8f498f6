import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { identifyProcess } from '../../../src/local-stack/processes.js';
import { startedProcess } from '../../../src/local-stack/units.js';
import { supervise, type Supervisor, type Unit } from '../../../src/local-stack/supervise.js';
import { eventually } from '../../support/eventually.js';

const QUICK = { firstMs: 10, maxMs: 40 };
/** Longer than any test: a test that waits for this pause at all fails. */
const NEVER = { firstMs: 600_000, maxMs: 600_000 };
const STAYS = 'setInterval(() => {}, 1000)';
const children: ChildProcess[] = [];
const supervisors: Supervisor[] = [];

afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A unit that runs the next script at each start, and the last one at every start after that. */
function unitOf(scripts: readonly string[], graceMs = 5_000): Unit & { starts: number } {
  const unit = {
    name: 'fake',
    starts: 0,
    async spawn() {
      const script = scripts[Math.min(unit.starts, scripts.length - 1)] ?? '';
      unit.starts += 1;
      const child = spawn(process.execPath, ['-e', `process.stdout.write('up');${script}`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(child);
      await once(child, 'spawn');
      return Object.assign(startedProcess(child, graceMs), { child });
    },
    /** Ready once it has said so. */
    async waitUntilReady(started: { child?: ChildProcess; ended: Promise<string> }) {
      const isUp = once(started.child?.stdout ?? process, 'data').then(() => 'up');
      if ((await Promise.race([isUp, started.ended])) !== 'up') throw new Error('It ended while it was starting');
    },
  };
  return unit;
}

async function supervised(
  unit: Unit,
  report: (line: string) => void = () => undefined,
  onRestart?: () => Promise<void>,
  backOff = QUICK,
) {
  const restart = onRestart === undefined ? {} : { onRestart };
  const supervisor = await supervise(unit, { report, backOff, ...restart });
  supervisors.push(supervisor);
  return supervisor;
}

describe('supervise', () => {
  it('starts a unit again that was killed, and tells so', async () => {
    const lines: string[] = [];
    const restarts: number[] = [];
    const supervisor = await supervised(
      unitOf([STAYS]),
      (line) => lines.push(line),
      () => {
        restarts.push(supervisor.pid);
        return Promise.resolve();
      },
    );
    const first = supervisor.pid;

    process.kill(first, 'SIGKILL');

    await eventually('a note of the restart', () => restarts.length === 1);
    expect(supervisor.pid).not.toBe(first);
    expect(restarts).toEqual([supervisor.pid]);
    expect(lines).toEqual(['fake ended (SIGKILL), starting it again', `fake runs again (process ${supervisor.pid})`]);
  });

  it('starts a unit that had been ready again at once, however often it is killed', async () => {
    const unit = unitOf([STAYS]);
    let restarts = 0;
    const restarted = (): Promise<void> => {
      restarts += 1;
      return Promise.resolve();
    };
    const supervisor = await supervised(unit, () => undefined, restarted, NEVER);

    for (let kills = 1; kills <= 12; kills += 1) {
      process.kill(supervisor.pid, 'SIGKILL');
      await eventually(`restart ${kills}`, () => restarts === kills);
    }

    expect(unit.starts).toBe(13);
  });

  it('never gives up on a unit that ends before it is ready, and pauses longer each time up to a limit', async () => {
    const lines: string[] = [];
    const unit = { ...unitOf([STAYS]), starts: 0 };
    const ready = unit.waitUntilReady.bind(unit);
    unit.waitUntilReady = async (started) => {
      unit.starts += 1;
      // The first start and the last one succeed.
      if (unit.starts > 1 && unit.starts < 7) throw new Error('It ended while it was starting');
      await ready(started);
    };
    const supervisor = await supervised(unit, (line) => lines.push(line));

    process.kill(supervisor.pid, 'SIGKILL');

    await eventually('a unit that stays', () => unit.starts === 7 && lines.at(-1)?.startsWith('fake runs again'));
    const pauses = lines.join('\n').match(/next try in [\d.]+ s/g) ?? [];
    expect(pauses.map((text) => text.slice(12))).toEqual(['0.01 s', '0.02 s', '0.04 s', '0.04 s', '0.04 s']);
  });

  it('fails when the very first start fails', async () => {
    const unit: Unit = { ...unitOf([STAYS]), waitUntilReady: () => Promise.reject(new Error('never ready')) };

    await expect(supervised(unit)).rejects.toThrow('never ready');

    expect(children.map(({ signalCode }) => signalCode)).toEqual(['SIGTERM']);
  });

  it('stops the process and starts it no more', async () => {
    const unit = unitOf([STAYS]);
    const supervisor = await supervised(unit);
    const { pid } = supervisor;

    await supervisor.stop();

    expect(await identifyProcess(pid)).toBeNull();
    expect(unit.starts).toBe(1);
  });

  it('kills a process that does not end when asked to', async () => {
    const unit = unitOf([`process.on('SIGTERM', () => {});process.stdout.write('deaf');${STAYS}`], 100);
    const supervisor = await supervised(unit);
    const [child] = children;
    await eventually('a deaf process', async () => (await identifyProcess(supervisor.pid)) !== null);

    await supervisor.stop();

    expect(child?.signalCode).not.toBeNull();
  });

  it('ends while the unit is still starting when the signal says so', async () => {
    const stop = new AbortController();
    const unit: Unit = {
      ...unitOf([STAYS]),
      waitUntilReady: async (started) => {
        await started.ended;
      },
    };
    const starting = supervise(unit, { report: () => undefined, signal: stop.signal });
    await eventually('a process', () => children.length === 1 && children[0]?.pid !== undefined);

    stop.abort(new Error('enough'));

    await expect(starting).rejects.toThrow('enough');
    expect(children[0]?.signalCode).toBe('SIGTERM');
  });
});
