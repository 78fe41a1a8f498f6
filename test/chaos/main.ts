import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { describeReport } from './describe-report.js';
import { runChaos } from './run-chaos.js';
import { settingsFor } from './settings.js';

/*
 * One chaos run: npm run chaos -- --items 10000 --minutes 10 [--seed N]. Ends with code 1 when something is not as it has to be.
 * Everything that it has started ends with it, also on Ctrl-C and when the process that forked it ends.
 */
const { values } = parseArgs({
  options: { items: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' } },
});

function numberOf(name: 'items' | 'minutes' | 'seed', fallback: number): number {
  const value = Number(values[name] ?? fallback);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} must be a number greater than 0`);
}

const stop = new AbortController();
for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const)
  process.once(event, () => {
    stop.abort(new Error(`Stopped by ${event}`));
  });

const startedAt = Date.now();
try {
  const report = await runChaos({
    ...settingsFor({ items: Math.round(numberOf('items', 10_000)), minutes: numberOf('minutes', 10) }),
    seed: numberOf('seed', randomInt(1, 2 ** 31 - 1)),
    signal: stop.signal,
    say: (line) => {
      process.stdout.write(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(7)}  ${line}\n`);
    },
  });
  process.stdout.write(`\n${describeReport(report)}\n`);
  process.exitCode = Object.keys(report.broken).length === 0 ? 0 : 1;
} catch (caught) {
  // What stopped it, instead of what was interrupted.
  const error: unknown = stop.signal.aborted ? stop.signal.reason : caught;
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
} finally {
  // The channel would keep this process alive.
  if (process.connected) process.disconnect();
}
