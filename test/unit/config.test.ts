import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';

describe('loadConfig', () => {
  it('has a default for everything but secrets', () => {
    const config = loadConfig({});

    expect(config).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 8080,
      TEMPORAL_TASK_QUEUE: 'durable-import',
      SWEEP_ABOVE: 200,
      SWEEP_PAGE: 50,
    });
    expect(config.TOKEN_SECRET).toBeUndefined();
    expect(config.EGRESS_ALLOW.has('127.0.0.1', 80)).toBe(false);
    expect(config.WEBHOOK_SCHEDULE).toHaveLength(10);
    expect(config.WEBHOOK_SCHEDULE.reduce((sum, pause) => sum + pause) / 3_600_000).toBeCloseTo(75.6, 1);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('has the published limits as defaults', () => {
    expect(loadConfig({})).toMatchObject({
      MEMORY_FOR_BODIES: 256 * 1024 ** 2,
      RATE_LIMIT: { points: 6000, windowMs: 60_000 },
      UNKNOWN_ID: '404',
      ITEM_SUCCESS_STATE: 'success',
      RETRY_ATTEMPTS: 10,
      RETRY_INITIAL: 1_000,
      RETRY_MAX: 300_000,
      DOWNLOAD_CONNECT_TIMEOUT: 10_000,
      DOWNLOAD_HEADERS_TIMEOUT: 30_000,
      DOWNLOAD_IDLE_TIMEOUT: 60_000,
      DOWNLOAD_MIN_SPEED: 16 * 1024,
      DOWNLOAD_MIN_SPEED_WINDOW: 60_000,
      DOWNLOAD_MAX_BYTES: 50 * 1024 ** 3,
      DOWNLOAD_MAX_REDIRECTS: 5,
      HOST_MAX_CONNECTIONS: 8,
      HOST_MAX_CONCURRENT: 16,
      WEBHOOK_TIMEOUT: 15_000,
      WEBHOOK_SCHEDULE: [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map((s) => s * 1000),
    });
  });

  it('reads durations, sizes, rates and lists in the units that people write', () => {
    const config = loadConfig({
      DOWNLOAD_IDLE_TIMEOUT: '1.5m',
      DOWNLOAD_MIN_SPEED: '64KiB/s',
      DOWNLOAD_MAX_BYTES: '2GiB',
      RATE_LIMIT: '10/1s',
      WEBHOOK_SCHEDULE: '0s, 100ms,2h',
      API_VERSIONS_WITHDRAWN: '2025-03, beta',
      EGRESS_ALLOW: '127.0.0.1/32:4321',
      EGRESS_ALLOW_UNSAFE: '1',
    });

    expect(config).toMatchObject({
      DOWNLOAD_IDLE_TIMEOUT: 90_000,
      DOWNLOAD_MIN_SPEED: 65_536,
      DOWNLOAD_MAX_BYTES: 2 * 1024 ** 3,
      RATE_LIMIT: { points: 10, windowMs: 1_000 },
      WEBHOOK_SCHEDULE: [0, 100, 7_200_000],
      API_VERSIONS_WITHDRAWN: ['2025-03', 'beta'],
      EGRESS_ALLOW_UNSAFE: true,
    });
    expect(config.EGRESS_ALLOW.has('127.0.0.1', 4321)).toBe(true);
  });

  it.each(['v2', '2025-3', '2025-13', '2025-03;2025-05'])('refuses %s as a withdrawn API version', (text) => {
    expect(() => loadConfig({ API_VERSIONS_WITHDRAWN: text })).toThrow('must be v1, beta or YYYY-MM');
  });

  it('lifts the rate limit when it is off and takes an empty variable as absent', () => {
    expect(loadConfig({ RATE_LIMIT: 'off', PORT: '' })).toMatchObject({ RATE_LIMIT: null, PORT: 8080 });
  });

  it('names every variable that is wrong, with its rule', () => {
    const load = () =>
      loadConfig({
        PORT: '70000',
        TOKEN_SECRET: 'short',
        DOWNLOAD_MAX_BYTES: '50 gigs',
        RETRY_MAX: 'soon',
        WEBHOOK_TIMEOUT: '60s',
        RATE_LIMIT: '0/1s',
        UNKNOWN_ID: 'maybe',
        MONGODB_URL: 'http://x',
        API_VERSION_LATEST: '2026-02',
        EGRESS_ALLOW: 'everything',
      });

    for (const name of [
      'PORT: must be from 1 to 65535, was "70000"',
      'TOKEN_SECRET: must be at least 32 bytes',
      'DOWNLOAD_MAX_BYTES: must be a size such as 16KiB, 8MiB or 50GiB, was "50 gigs"',
      'RETRY_MAX: must be a duration such as 500ms, 10s, 5m, 2h or 90d, was "soon"',
      'RATE_LIMIT: must be a rate such as 6000/60s, or off, was "0/1s"',
      'WEBHOOK_TIMEOUT: must be at most 45s',
      'UNKNOWN_ID: must be one of 404, lost, was "maybe"',
      'MONGODB_URL: must start with mongodb',
      'API_VERSION_LATEST: must be YYYY-MM',
      'EGRESS_ALLOW:',
    ])
      expect(load).toThrow(name);
  });

  it.each([
    [{ PORT: 'abc' }, 'PORT: must be a whole number, was "abc"'],
    [{ PORT: '80.5' }, 'PORT: must be a whole number, was "80.5"'],
    [{ PORT: '0x50' }, 'PORT: must be a whole number, was "0x50"'],
    [{ METRICS_PORT: '0' }, 'METRICS_PORT: must be from 1 to 65535, was "0"'],
    [{ RETRY_ATTEMPTS: '-1' }, 'RETRY_ATTEMPTS: must be at least 1, was "-1"'],
    [{ SWEEP_PAGE: '501' }, 'SWEEP_PAGE: must be from 1 to 500, was "501"'],
    [{ SWEEP_ABOVE: 'many' }, 'SWEEP_ABOVE: must be a whole number, was "many"'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: must be one of trace, debug, info, warn, error, fatal, was "loud"'],
    [{ EGRESS_ALLOW_UNSAFE: 'maybe' }, 'EGRESS_ALLOW_UNSAFE: must be true or false, was "maybe"'],
    [{ WEBHOOK_SCHEDULE: '0s,soon' }, 'must be a duration such as 500ms, 10s, 5m, 2h or 90d, was "soon"'],
    [{ PUBLIC_URL: 'ftp://x' }, 'PUBLIC_URL: must be an http or https URL'],
  ])('says what it read of %j', (env, sentence) => {
    expect(() => loadConfig(env)).toThrow(sentence);
  });

  it('never repeats what may be secret', () => {
    const secrets = {
      TOKEN_SECRET: 'hunter2',
      MONGODB_URL: 'postgres://user:hunter2@db/x',
      EGRESS_PROXY: 'socks://user:hunter2@proxy',
      BLOB_STORE_URL: 'gs://hunter2',
    };

    expect(() => loadConfig(secrets)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  it('reads the weights of projects', () => {
    expect(loadConfig({}).PROJECT_WEIGHTS).toEqual(new Map());
    expect(loadConfig({ PROJECT_WEIGHTS: 'gold=4, free = 0.5,least=0.001,most=1000,' }).PROJECT_WEIGHTS).toEqual(
      new Map([
        ['gold', 4],
        ['free', 0.5],
        ['least', 0.001],
        ['most', 1000],
      ]),
    );
  });

  it('names each entry of the weights that is wrong', () => {
    const load = () => loadConfig({ PROJECT_WEIGHTS: 'ok=1,a=0,b=1001,c=1e2,d,=2,é=1,ok=2' });

    for (const problem of [
      'a=0: must have a weight from 0.001 to 1000',
      'b=1001: must have a weight from 0.001 to 1000',
      'c=1e2: must be a project id and its weight, such as gold=4',
      'd: must be a project id',
      '=2: must be a project id',
      'é=1: must be a project id',
      'ok=2: must not name a project twice',
    ])
      expect(load).toThrow(`PROJECT_WEIGHTS: ${problem}`);
  });

  it('refuses EGRESS_ALLOW in production unless it is said twice', () => {
    const env = { NODE_ENV: 'production', EGRESS_ALLOW: '10.0.0.0/8:80' };

    expect(() => loadConfig(env)).toThrow('EGRESS_ALLOW: opens private addresses');
    expect(loadConfig({ ...env, EGRESS_ALLOW_UNSAFE: 'true' }).EGRESS_ALLOW.has('10.1.2.3', 80)).toBe(true);
  });

  it('limits connections and what they may hold, and demands room for the lists of two projects', () => {
    expect(loadConfig({})).toMatchObject({
      MAX_CONNECTIONS: 2_000,
      MAX_OPEN_ASSETS: 256,
      MAX_PROJECT_REQUESTS: 100,
      MEMORY_FOR_ANSWERS: 64 * 1024 ** 2,
      RATE_LIMIT_PROJECT: { points: 24_000, windowMs: 60_000 },
    });
    expect(loadConfig({ RATE_LIMIT_PROJECT: 'off' }).RATE_LIMIT_PROJECT).toBeNull();
    expect(() => loadConfig({ MEMORY_FOR_ANSWERS: '15MiB' })).toThrow('MEMORY_FOR_ANSWERS: must be at least 16MiB');
  });

  it('keeps imports for 90 days and collects garbage every 6 hours by default', () => {
    expect(loadConfig({})).toMatchObject({ RETENTION_DAYS: 90, GARBAGE_INTERVAL: 6 * 3_600_000 });
    expect(loadConfig({ RETENTION_DAYS: '4', GARBAGE_INTERVAL: '1s' })).toMatchObject({
      RETENTION_DAYS: 4,
      GARBAGE_INTERVAL: 1_000,
    });
    expect(() => loadConfig({ RETENTION_DAYS: '3' })).toThrow('RETENTION_DAYS:');
    expect(() => loadConfig({ GARBAGE_INTERVAL: '999ms' })).toThrow('GARBAGE_INTERVAL: must be at least 1s');
  });

  it('refuses to remove imports while their webhooks may still be tried', () => {
    const schedule = { WEBHOOK_SCHEDULE: '0s,5d' };

    expect(() => loadConfig({ ...schedule, RETENTION_DAYS: '5' })).toThrow(
      'RETENTION_DAYS: must be more than the 6 days of WEBHOOK_SCHEDULE',
    );
    expect(loadConfig({ ...schedule, RETENTION_DAYS: '6' }).RETENTION_DAYS).toBe(6);
  });

  it('takes a crash point anywhere but in production', () => {
    const env = { CRASH_AT: 'after_blob_before_media:3' };

    expect(loadConfig(env).CRASH_AT).toBe('after_blob_before_media:3');
    expect(() => loadConfig({ ...env, NODE_ENV: 'production' })).toThrow(
      'CRASH_AT: makes the process kill itself and is refused in production',
    );
    expect(() => loadConfig({ CRASH_AT: 'now!' })).toThrow('CRASH_AT: must be a crash point');
  });
});
