import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import {
  cacheFolder,
  findOnPath,
  installAtomically,
  packageRoot,
  withProgress,
  runCommand,
} from '../../src/local-stack/tools.js';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { stopServer, waitUntilReady } from '../../src/local-stack/spawn-server.js';

/** In tools/s3-server/go.mod. */
const VERSION = '1.8.0';
/** Measured 2.5 minutes on two busy cores with all modules fetched. */
const BUILD_TIMEOUT_MS = 30 * 60_000;
const CREDENTIALS = { accessKeyId: 'test-access', secretAccessKey: 'test-secret-of-the-tests' };

export interface S3Server {
  readonly endpoint: string;
  readonly credentials: typeof CREDENTIALS;
  /** An empty bucket of this server. */
  readonly bucket: string;
  readonly client: S3Client;
  stop(): Promise<void>;
}

/** Why there is no server on this machine. */
export interface NoS3Server {
  readonly reason: string;
}

/** The Versity S3 Gateway: on PATH, else from the cache of the user, else built with Go from tools/s3-server. */
export async function findS3Server(): Promise<string | NoS3Server> {
  const onPath = await findOnPath('versitygw');
  if (onPath !== null) return onPath;
  const folder = join(cacheFolder(), `versitygw-${VERSION}`);
  const executable = join(folder, process.platform === 'win32' ? 'versitygw.exe' : 'versitygw');
  if (existsSync(executable)) return executable;
  if ((await findOnPath('go')) === null) return { reason: 'neither versitygw nor Go, which builds it, is installed' };
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  try {
    await withProgress(report, 'Building the S3 server for the tests with Go (about three minutes, once)', () =>
      installAtomically(folder, async (staging) => {
        const output = join(staging, basename(executable));
        const main = 'github.com/versity/versitygw/cmd/versitygw';
        await runCommand('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', output, main], {
          cwd: join(packageRoot(), 'tools', 's3-server'),
          env: { ...process.env, CGO_ENABLED: '0' },
          timeoutMs: BUILD_TIMEOUT_MS,
        });
      }),
    );
    return executable;
  } catch {
    return { reason: 'versitygw could not be built with Go from tools/s3-server' };
  }
}

/** Starts a server over a temporary folder, with one empty bucket. */
export async function startS3Server(): Promise<S3Server | NoS3Server> {
  const executable = await findS3Server();
  if (typeof executable !== 'string') return executable;
  const folder = await mkdtemp(join(tmpdir(), 'durable-import-s3-'));
  const [data, sidecar] = [join(folder, 'data'), join(folder, 'sidecar')];
  await Promise.all([mkdir(data), mkdir(sidecar)]);
  const port = await anyFreePort();
  const logFile = join(folder, 'server.log');
  const log = await open(logFile, 'a');
  // The sidecar folder holds what otherwise needs a file system with extended attributes.
  const args = ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', 'posix', '--sidecar', sidecar, data];
  const child = spawn(executable, args, {
    env: { ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  process.once('exit', () => child.kill('SIGKILL'));

  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: CREDENTIALS });
  await waitUntilReady(
    { pid: child.pid ?? 0, child, logFile, logFrom: 0 },
    { name: 'The S3 server', timeoutMs: 30_000, probe: () => client.send(new ListBucketsCommand({})) },
  );
  await client.send(new CreateBucketCommand({ Bucket: 'blobs' }));
  return {
    endpoint,
    credentials: CREDENTIALS,
    bucket: 'blobs',
    client,
    async stop() {
      client.destroy();
      await stopServer({ child });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
