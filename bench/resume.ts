import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { createFsBlobStore } from '../src/blobs/fs/store.js';
import { defaultMediaTypes } from '../src/domain/media-types.js';
import { createSource } from '../src/download/fetch.js';
import { parseAllowList } from '../src/egress/addresses.js';
import { createEgress } from '../src/egress/create-egress.js';
import { findOnPath } from '../src/local-stack/tools.js';
import { seconds } from './figures.js';
import { type LargeFile, serveLargeFile } from './stack/origins.js';
import { isMainModule } from './stack/processes.js';

const MIB = 1024 * 1024;
/** Shares of the file at which the process is killed: the last attempt then has three beginnings to build on. */
const KILL_AT = [0.25, 0.5, 0.75];

/**
 * Fetches a large file from a local origin into a folder, killing the fetching process at a quarter, a half and three quarters of
 * it. Prints a JSON object; the exit code is 1 when a file does not have the hash of the source.
 */
export async function resume(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { mib: { type: 'string', default: '1024' } } });
  const mib = Number(values.mib);
  const file = await serveLargeFile(mib);
  const url = `${file.origin}/large.mp4`;
  const resumed = await killed(file, url, mib * MIB);
  const whole = await uninterrupted(file, url);
  const curlSeconds = await withFolder((folder) => curlSecondsOf(url, folder));
  await file.close();
  const curl =
    curlSeconds === null
      ? {}
      : { curl: { seconds: Number(curlSeconds.toFixed(1)), ratio: Number((whole.seconds / curlSeconds).toFixed(2)) } };
  process.stdout.write(`${JSON.stringify({ mib, resumed, uninterrupted: whole, ...curl }, null, 2)}\n`);
  process.exitCode = resumed.sha256Equal && whole.sha256Equal ? 0 : 1;
}

/** What a script would do, in seconds: fetch, write, hash, and make sure that the file is on disk. Null without curl. */
export async function curlSecondsOf(url: string, folder: string): Promise<number | null> {
  if ((await findOnPath('curl')) === null || (await findOnPath('sha256sum')) === null) return null;
  const file = join(folder, 'file');
  const script = `curl --silent --fail ${url} | tee ${file} | sha256sum && sync ${file}`;
  return seconds(() => promisify(execFile)('sh', ['-c', script]));
}

/** What the fetching process reports to its parent: how far it is, and at last what it stored. */
interface FetchReport {
  /** Bytes of the file that are here: kept ones and received ones. */
  readonly at: number;
  /** Largest resident set so far. */
  readonly peakRssMib: number;
  readonly sha256?: string;
}

/** Runs one attempt in a process of its own, killed as soon as it has so many bytes. Answers its last report. */
async function attempt(url: string, root: string, killAt = Infinity): Promise<FetchReport> {
  const child = fork(fileURLToPath(import.meta.url), [url, root]);
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

/** The time includes the start of the process and of its TypeScript loader, as it includes that of curl. */
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

/** Bytes between two reports: a kill comes at most so far behind its share of the file. */
const REPORT_BYTES = 4 * MIB;

function report(at: number, sha256?: string): void {
  const peakRssMib = Math.round(process.resourceUsage().maxRSS / 1024);
  process.send?.({ at, peakRssMib, ...(sha256 === undefined ? {} : { sha256 }) } satisfies FetchReport);
}

/** One attempt at a download, in the process that may be killed. */
async function fetchOnce(url: string, root: string): Promise<void> {
  const egress = createEgress({
    allow: parseAllowList(`127.0.0.1/32:${new URL(url).port}`),
    connectTimeoutMs: 10_000,
    hostMaxConnections: 4,
  });
  const blobs = createFsBlobStore({ root });
  const limits = {
    headersTimeoutMs: 30_000,
    idleTimeoutMs: 60_000,
    minSpeedBytesPerSecond: 1,
    minSpeedWindowMs: 60_000,
  };
  const source = createSource({ egress, blobs, limits: { ...limits, maxBytes: 2 ** 40, maxRedirects: 0 } });
  const mediaType = defaultMediaTypes().get('video');
  if (mediaType === undefined) throw new Error('There is no media type for videos');

  let begun: number | undefined;
  let reported = 0;
  const answer = await source.fetch({
    url,
    mediaType,
    signal: new AbortController().signal,
    partKey: 'bench:resume',
    onProgress({ offset, received }) {
      // While kept bytes are read back nothing has been received, and the offset is where the download continues.
      begun ??= received === 0 ? offset : 0;
      if (received - reported < REPORT_BYTES) return;
      reported = received;
      report(begun + received);
    },
  });
  if (answer.kind === 'fetched') report(answer.asset.bytes, answer.asset.sha256);
  await Promise.all([egress.close(), blobs.close()]);
  process.disconnect();
}

if (isMainModule(import.meta.url)) {
  const [url = '', root = ''] = process.argv.slice(2);
  await fetchOnce(url, root);
}
