import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findApi } from '../../../src/cli/api-client.js';
import { removeRunFile, writeRunFile, readRunFile, type RunFile } from '../../../src/local-stack/files.js';

const RUN: RunFile = {
  api: 'http://127.0.0.1:8080',
  ui: null,
  temporalCli: null,
  temporal: '127.0.0.1:7233',
  mongodb: 'mongodb://127.0.0.1:27017/',
  token: 'token-of-the-stack',
  webhookSecret: 'whsec_x',
  pids: { temporal: 1, mongodb: null, gateway: 2, worker: 3 },
};

describe('findApi', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'find-api-'));
  });
  afterEach(() => {
    rmSync(dataDir, { recursive: true });
  });

  it('takes the stack that runs on DATA_DIR when nothing is given', async () => {
    await writeRunFile(dataDir, RUN);

    await expect(findApi({}, { DATA_DIR: dataDir })).resolves.toEqual({ api: RUN.api, token: RUN.token });
  });

  it('takes options before the environment, and the environment before the stack', async () => {
    await writeRunFile(dataDir, RUN);
    const env = { DATA_DIR: dataDir, DURABLE_IMPORT_API: 'https://env.example/', DURABLE_IMPORT_TOKEN: 'env' };

    await expect(findApi({}, env)).resolves.toEqual({ api: 'https://env.example', token: 'env' });
    await expect(findApi({ api: 'https://option.example', token: 'option' }, env)).resolves.toEqual({
      api: 'https://option.example',
      token: 'option',
    });
  });

  it('does not send the token of the stack to another address', async () => {
    await writeRunFile(dataDir, RUN);

    await expect(findApi({ api: 'https://other.example' }, { DATA_DIR: dataDir })).rejects.toThrow('No access token');
  });

  it('says what to do when nothing runs', async () => {
    await expect(findApi({}, { DATA_DIR: dataDir })).rejects.toThrow(`Nothing runs on ${dataDir}: run start first`);
  });

  it('refuses an address that is no origin', async () => {
    await expect(findApi({ api: 'localhost', token: 't' }, {})).rejects.toThrow('must be an origin');
  });
});

describe('run.json', () => {
  it('is gone after its removal, and removing it again does no harm', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'run-file-'));
    await writeRunFile(dataDir, RUN);
    await expect(readRunFile(dataDir)).resolves.toEqual(RUN);

    await removeRunFile(dataDir);
    await removeRunFile(dataDir);

    await expect(readRunFile(dataDir)).resolves.toBeNull();
    rmSync(dataDir, { recursive: true });
  });
});
