/*
 * Loaded into gateway and worker by NODE_OPTIONS: SIGUSR2 begins a CPU profile of the process and of its threads, the next one ends
 * it and writes it to BENCH_PROFILE_DIR, with what the event loop was late by. `--cpu-prof` may not stand in NODE_OPTIONS, and would
 * also profile the start.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

const name = isMainThread ? (process.argv[2] ?? 'node') : `thread-${threadId}-of-${process.pid}`;
const folder = process.env['BENCH_PROFILE_DIR'] ?? '.';
const session = new Session();
/** Of the timer that measures, milliseconds; what it reports has them in it. */
const RESOLUTION = 10;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
let isRunning = false;

function toggle() {
  isRunning = !isRunning;
  if (isRunning) {
    delay.reset();
    delay.enable();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.start');
    return;
  }
  delay.disable();
  session.post('Profiler.stop', (error, answer) => {
    if (error === null) writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(answer.profile));
  });
  session.disconnect();
  const ms = (nanoseconds) => Math.max(0, Number((nanoseconds / 1e6 - RESOLUTION).toFixed(1)));
  const late = { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) };
  writeFileSync(join(folder, `${name}.delay.json`), `${JSON.stringify(late)}\n`);
}

const channel = new BroadcastChannel('durable-import-bench-profile');
channel.unref();
if (isMainThread)
  process.on('SIGUSR2', () => {
    channel.postMessage('toggle');
    toggle();
  });
else channel.onmessage = toggle;
