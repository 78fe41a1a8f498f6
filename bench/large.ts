import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { findOnPath } from '../src/local-stack/tools.js';
import { createBenchClient } from './contenders/bench-client.js';
import { seconds } from './contenders/seconds.js';
import { msUntilEnd, untilFinished } from './contenders/service-load.js';
import { describeMachine } from './measure/machine.js';
import { createProcessWatch } from './measure/process-watch.js';
import { median } from './measure/quantile.js';
import { markdownTable } from './report/markdown-table.js';
import { publish } from './report/publish.js';
import { mib, round, size } from './report/units.js';
import { serveLargeFile } from './setup/large-file.js';
import { removeBlobs } from './setup/stored-blobs.js';
import { withBench, type Bench } from './setup/with-bench.js';

/*
 * One large file through the service, from the POST to the end of the import, in turns with `curl | tee | sha256sum` to the same
 * disk, each of which ends with the file on disk.
 */
const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '5120' },
    rounds: { type: 'string', default: '2' },
    json: { type: 'string' },
    'write-readme': { type: 'boolean', default: false },
  },
});
const MIB = 1024 * 1024;
const bytes = Number(values.mib) * MIB;
/** 50 GiB at the least speed that the service puts up with would take longer; this ends a hang. */
const WITHIN_MS = 4 * 3_600_000;

interface Round {
  readonly service: number;
  readonly curl: number | null;
  readonly workerPeakBytes: number;
  readonly workerCpuSeconds: number;
}

/** What a script would do: fetch, write, hash, and be sure that it is on disk. Null without curl. */
async function withCurl(url: string, dataDir: string): Promise<number | null> {
  if ((await findOnPath('curl')) === null || (await findOnPath('sha256sum')) === null) return null;
  const folder = await mkdtemp(join(dataDir, 'curl-'));
  const file = join(folder, 'file');
  const script = `curl --silent --fail ${url} | tee ${file} | sha256sum && sync ${file}`;
  const took = await seconds(() => promisify(execFile)('sh', ['-c', script]));
  await rm(folder, { recursive: true });
  return took;
}

async function oneRound(bench: Bench, url: string, sha256: string, number: number): Promise<Round> {
  const client = createBenchClient(bench);
  const watch = createProcessWatch();
  const curl = await withCurl(url, bench.dataDir);
  const close = await watch.open(bench.pids);
  const startedAt = Date.now();
  const video = { url, id: `large-${number}`, fileName: 'large.mp4', metadata: {} };
  const shown = await untilFinished(
    client,
    await client.submit({ systemName: 'bench', videos: [video] }),
    500,
    WITHIN_MS,
  );
  const worker = (await close())['worker'];
  const blobs = join(bench.dataDir, 'blobs');
  // Named by its hash: what the origin has sent is what lies there.
  const stored = await stat(join(blobs, 'sha256', sha256.slice(0, 2), sha256));
  if (stored.size !== bytes) throw new Error(`The stored file has ${stored.size} bytes of ${bytes}`);
  await removeBlobs(blobs);
  const service = msUntilEnd(startedAt, shown) / 1000;
  bench.report(
    `Round ${number}: service ${round(service, 1)} s, curl ${curl === null ? 'absent' : `${round(curl, 1)} s`}`,
  );
  const { peakBytes: workerPeakBytes = 0, cpuSeconds: workerCpuSeconds = 0 } = worker ?? {};
  return { service, curl, workerPeakBytes, workerCpuSeconds };
}

process.stderr.write(`Making the hash of ${size(bytes)}\n`);
const file = await serveLargeFile(Number(values.mib));
const work = async (bench: Bench): Promise<void> => {
  const rounds: Round[] = [];
  for (let number = 1; number <= Number(values.rounds); number += 1) {
    // A new name each time: what the service has it would ask for with a condition.
    rounds.push(await oneRound(bench, `${file.origin}/large-${number}.mp4`, file.sha256, number));
  }
  const ratio = median(rounds.map(({ service, curl }) => (curl ?? Number.NaN) / service));
  const peak = Math.max(...rounds.map(({ workerPeakBytes }) => workerPeakBytes));
  const perSecond = median(rounds.map(({ service }) => bytes / MIB / service));
  const head = [size(bytes), 'Measured', 'Target', 'Met'];
  const rows = [
    ['speed of the service, MiB/s', round(perSecond, 0), '', ''],
    ['of curl | tee | sha256sum', round(ratio, 2), '≥ 0.8', ratio >= 0.8 ? 'yes' : Number.isNaN(ratio) ? '–' : 'no'],
    ['peak of the worker, MiB', mib(peak), '≤ 256', peak <= 256 * MIB ? 'yes' : 'no'],
    [
      'processor time of the worker, s a GiB',
      round((median(rounds.map((one) => one.workerCpuSeconds)) * 1024 * MIB) / bytes, 2),
      '',
      '',
    ],
  ];
  const machine = await describeMachine();
  const where = `${new Date().toISOString().slice(0, 10)}, ${machine.processors} × ${machine.processor}, ${rounds.length} rounds.`;
  const text = `${where}\n\n${markdownTable(head, rows)}`;
  const result = { machine, bytes, rounds };
  await publish({ name: 'large', text, result, json: values.json, writeReadme: values['write-readme'] });
};
await withBench(work, { alsoAllow: file.origin }).finally(() => file.close());
