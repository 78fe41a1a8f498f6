import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openBlobStore } from '../../../src/blobs/open-blob-store.js';
import { findOnPath, packageRoot, runCommand } from '../../../src/local-stack/tools.js';
import { anyFreePort } from '../../../src/local-stack/ports.js';
import { eventually } from '../../support/eventually.js';
import { findS3Server } from '../../servers/s3-server.js';

const ROOT = { accessKeyId: 'root-key', secretAccessKey: 'root-secret' };
const BUCKET = 'durable-import';
const server = await findS3Server();
const executable = typeof server === 'string' ? server : '';
const missing = typeof server === 'string' ? null : server.reason;
const noCurl = (await findOnPath('curl')) === null ? 'curl is not installed' : null;
const reason = missing ?? noCurl;
// Not counted as skipped: what it checks stands in docker-compose.yml, which another test reads.
if (reason !== null) console.info(`deploy/s3/create-bucket.sh is not run: ${reason}`);

if (reason === null)
  describe('deploy/s3/create-bucket.sh', () => {
    let folder: string;
    let endpoint: string;
    let child: ChildProcess;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'create-bucket-'));
      for (const name of ['data', 'iam']) mkdirSync(join(folder, name));
      const port = await anyFreePort();
      endpoint = `http://127.0.0.1:${port}`;
      child = spawn(executable, ['posix', join(folder, 'data')], {
        env: {
          ...process.env,
          VGW_PORT: `127.0.0.1:${port}`,
          VGW_IAM_DIR: join(folder, 'iam'),
          VGW_HEALTH: '/health',
          VGW_QUIET: 'true',
          VGW_IAM_CACHE_DISABLE: 'true',
          ROOT_ACCESS_KEY: ROOT.accessKeyId,
          ROOT_SECRET_KEY: ROOT.secretAccessKey,
        },
        stdio: 'ignore',
      });
      await eventually(
        'an S3 server',
        () =>
          fetch(`${endpoint}/health`).then(
            ({ ok }) => ok,
            () => false,
          ),
        30_000,
      );
    }, 60_000);
    afterAll(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true });
    });

    const run = (accessKeyId: string, secretAccessKey: string) =>
      runCommand('sh', [join(packageRoot(), 'deploy', 's3', 'create-bucket.sh')], {
        env: {
          PATH: process.env['PATH'],
          S3_ENDPOINT: endpoint,
          S3_BUCKET: BUCKET,
          AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
          AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
          S3_ACCESS_KEY_ID: accessKeyId,
          S3_SECRET_ACCESS_KEY: secretAccessKey,
        },
        timeoutMs: 60_000,
      });
    const blobsWith = (accessKeyId: string, secretAccessKey: string) =>
      openBlobStore(`s3://${BUCKET}?endpoint=${endpoint}&forcePathStyle=true`, {
        credentials: { accessKeyId, secretAccessKey },
      });

    it('gives the service a key that works in its bucket, and may be run again with a new secret', async () => {
      for (const secret of ['first-secret', 'second-secret', 'second-secret']) {
        await run('service', secret);
        const blobs = blobsWith('service', secret);
        await expect(blobs.ping()).resolves.toBeUndefined();
        await blobs.close();
      }
    });

    it('gives that key nothing beyond its bucket', async () => {
      await run('service', 'a-secret');
      const credentials = { accessKeyId: 'service', secretAccessKey: 'a-secret' };
      const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });

      await expect(client.send(new CreateBucketCommand({ Bucket: 'another' }))).rejects.toThrow(/denied/i);
      client.destroy();
    });

    it('refuses to give the service the root key', async () => {
      await expect(run(ROOT.accessKeyId, 'any')).rejects.toMatchObject({
        output: 'S3_ACCESS_KEY_ID must not be S3_ROOT_ACCESS_KEY_ID\n',
      });
    });
  });
