import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  describeMachine,
  markdownTable,
  measuredOn,
  median,
  mib,
  publish,
  PUBLICATION_OPTIONS,
  round,
  size,
} from './figures.js';
import { curlSecondsOf } from './resume.js';
import { createBenchClient, msUntilEnd, untilFinished } from './stack/import-client.js';
import { serveLargeFile } from './stack/origins.js';
import { createProcessWatch } from './stack/processes.js';
import { type Bench, withBench } from './stack/with-bench.js';
import { removeBlobs } from './throughput/runs.js';

const MIB = 1024 * 1024;
/** Ends a hang; 50 GiB at the lowest speed that the service accepts would take longer. */
const WITHIN_MS = 4 * 3_600_000;

/**
 * One large file through the service, from the POST to the end of the import, in turns with `curl | tee | sha256sum` to the same
 * disk; each ends with the file on disk.
 */
export async function large(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      mib: { type: 'string', default: '5120' },
      rounds: { type: 'string', default: '2' },
      ...PUBLICATION_OPTIONS,
    },
  });
  const bytes = Number(values.mib) * MIB;
  process.stderr.write(`Making the hash of ${size(bytes)}\n`);
  const file = await serveLargeFile(Number(values.mib));
  const work = async (bench: Bench): Promise<void> => {
    const rounds: Round[] = [];
    for (let number = 1; number <= Number(values.rounds); number += 1) {
      // A new name each time: for a file that it already has, the service would send a conditional request.
      rounds.push(
        await oneRound(bench, { url: `${file.origin}/large-${number}.mp4`, sha256: file.sha256, bytes, number }),
      );
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
    const where = `${measuredOn(machine, `${rounds.length} rounds`)}.`;
    const text = `${where}\n\n${markdownTable(head, rows)}`;
    const result = { machine, bytes, rounds };
    await publish({ name: 'large', text, result, json: values.json, writeReadme: values['write-readme'] });
  };
  await withBench(work, { alsoAllow: file.origin }).finally(() => file.close());
}

interface RoundOptions {
  readonly url: string;
  readonly sha256: string;
  readonly bytes: number;
  /** From 1. */
  readonly number: number;
}

interface Round {
  /** Seconds. */
  readonly service: number;
  /** Seconds; null without curl. */
  readonly curl: number | null;
  readonly workerPeakBytes: number;
  readonly workerCpuSeconds: number;
}

async function oneRound(bench: Bench, { url, sha256, bytes, number }: RoundOptions): Promise<Round> {
  const client = createBenchClient(bench);
  const watch = createProcessWatch();
  const folder = await mkdtemp(join(bench.dataDir, 'curl-'));
  const curl = await curlSecondsOf(url, folder);
  await rm(folder, { recursive: true });
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
  // It is named by its hash: what is stored there is what the origin has sent.
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
