import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findOnPath } from '../src/local-stack/tools.js';
import { serveLargeFile, type LargeFile } from './setup/large-file.js';
import type { FetchReport } from './resume-fetch.js';

const MIB = 1024 * 1024;
const KILL_AT = [0.25, 0.5, 0.75];
const CHILD = fileURLToPath(new URL('./resume-fetch.ts', import.meta.url));

/** Runs one attempt, killed as soon as it has so many bytes. Answers its last report. */
async function attempt(url: string, root: string, killAt = Infinity): Promise<FetchReport> {
  const child = fork(CHILD, [url, root]);
  let last: FetchReport = { at: 0, peakRssMib: 0 };
  child.on('message', (message) => {
    last = message as FetchReport;
    if (last.at >= killAt) child.kill('SIGKILL');
  });
  await once(child, 'exit');
  return last;
}

async function withFolder<T>(work: (root: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'durable-import-resume-'));
  try {
    return await work(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

async function killed(file: LargeFile, url: string, bytes: number) {
  return withFolder(async (root) => {
    const reports: FetchReport[] = [];
    const served = file.served();
    const took = await seconds(async () => {
      for (const share of [...KILL_AT, Infinity]) reports.push(await attempt(url, root, share * bytes));
    });
    return {
      kills: KILL_AT.length,
      killedAtMib: reports.slice(0, -1).map(({ at }) => Math.round(at / MIB)),
      fetchedAgainMib: Number(((file.served() - served - bytes) / MIB).toFixed(1)),
      peakRssMib: Math.max(...reports.map(({ peakRssMib }) => peakRssMib)),
      seconds: Number(took.toFixed(1)),
      sha256Equal: reports.at(-1)?.sha256 === file.sha256,
    };
  });
}

/** Start of the process and of its loader included, as curl's is. */
async function uninterrupted(file: LargeFile, url: string) {
  return withFolder(async (root) => {
    let last: FetchReport | undefined;
    const took = await seconds(async () => (last = await attempt(url, root)));
    return {
      seconds: Number(took.toFixed(1)),
      peakRssMib: last?.peakRssMib,
      sha256Equal: last?.sha256 === file.sha256,
    };
  });
}

/** What a script would do: fetch, write and hash. */
async function withCurl(url: string): Promise<number | undefined> {
  if ((await findOnPath('curl')) === null || (await findOnPath('sha256sum')) === null) return undefined;
  return withFolder((root) => {
    const script = `curl --silent --fail ${url} | tee ${join(root, 'file')} | sha256sum && sync ${join(root, 'file')}`;
    return seconds(() => promisify(execFile)('sh', ['-c', script]));
  });
}

/**
 * Fetches a large file from a local origin into a folder, killing the fetching process at a quarter, a half and three quarters of
 * it: `resume.ts [MiB]`, 1024 by default. Prints a JSON object.
 */
const mib = Number(process.argv[2] ?? 1024);
const file = await serveLargeFile(mib);
const url = `${file.origin}/large.mp4`;
const resumed = await killed(file, url, mib * MIB);
const whole = await uninterrupted(file, url);
const curlSeconds = await withCurl(url);
await file.close();
const curl =
  curlSeconds === undefined
    ? {}
    : { curl: { seconds: Number(curlSeconds.toFixed(1)), ratio: Number((whole.seconds / curlSeconds).toFixed(2)) } };
process.stdout.write(`${JSON.stringify({ mib, resumed, uninterrupted: whole, ...curl }, null, 2)}\n`);
process.exitCode = resumed.sha256Equal && whole.sha256Equal ? 0 : 1;
