import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createTokenVerifier } from '../../../src/api/auth.js';
import { replayHistories, silenceRuntime } from '../../../src/cli/replay-histories.js';
import { runCli } from '../../../src/cli/run-cli.js';
import { aTestDatabase, type TestDatabase } from '../../servers/mongo.js';
import { workflowBundle } from '../../support/workflow-bundle.js';

const SECRET = 'a secret of at least thirty-two bytes';

/** The published document of an import, and two of its failed items. */
const STATUS = { finished: true, state: 'success', id: 'abcdefghijkl', videos: [{ state: 'success' }] };
const FAILED = ['img-17', 'line\nbreak\u202e'].map((externalId) => ({
  ...{ externalId, state: 'failed', code: 'http_404', host: 'a.example', reason: 'The source answered 404' },
}));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'commands-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function run(args: readonly string[], env: NodeJS.ProcessEnv) {
  const printed: string[] = [];
  const complaints: string[] = [];
  const context = {
    env,
    print: (line: string) => printed.push(line),
    complain: (line: string) => complaints.push(line),
  };
  return { code: await runCli(args, context), printed: printed.join('\n'), complaints: complaints.join('\n') };
}

describe('submit', () => {
  let api: Server | undefined;
  afterEach(() => {
    api?.close();
    api?.closeAllConnections();
  });

  /** An API that accepts every batch and answers the given documents of the import one after the other. */
  async function anApi(shown: readonly unknown[], post: [number, unknown] = [200, { id: 'abcdefghijkl' }]) {
    const posts: { type: string; url: string; body: string }[] = [];
    const keys: (string | undefined)[] = [];
    const left = [...shown];
    const answerFor = async (request: IncomingMessage): Promise<[number, unknown]> => {
      const { method, url = '', headers } = request;
      if (method === 'POST') {
        keys.push(headers['idempotency-key'] as string | undefined);
        posts.push({ type: headers['content-type'] ?? '', url, body: await text(request) });
        return post;
      }
      if (url.includes('/status')) return [200, STATUS];
      if (url.includes('/items?state=failed')) return [200, { items: FAILED, next: null }];
      return [200, left.length > 1 ? left.shift() : left[0]];
    };
    const server = createServer((request, response) => {
      void answerFor(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    api = server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { posts, keys, env: { DURABLE_IMPORT_API: origin, DURABLE_IMPORT_TOKEN: 'token' } };
  }

  function aCsv(): string {
    const file = join(folder, 'batch.csv');
    writeFileSync(file, 'url,id,fileName\nhttps://a.example/1.mp4,1,one\nhttps://a.example/2.mp4,2,two\n');
    return file;
  }

  it('prints the id and ends at once without --wait', async () => {
    const { env, posts } = await anApi([]);

    const { code, printed } = await run(['submit', aCsv(), '--type', 'videos', '--system-name', 'csv'], env);

    expect({ code, printed }).toEqual({ code: 0, printed: 'abcdefghijkl' });
    const url = '/api/v1/import/videos?systemName=csv';
    expect(posts).toEqual([{ type: 'text/csv; charset=utf-8', url, body: readFileSync(aCsv(), 'utf8') }]);
  });

  it('posts the batch with the priority that was asked for', async () => {
    const { env, posts } = await anApi([]);

    await run(['submit', aCsv(), '--type', 'videos', '--system-name', 'csv', '--priority', '1'], env);

    expect(posts).toMatchObject([{ url: '/api/v1/import/videos?systemName=csv&priority=1' }]);
  });

  it.each(['0', '6', 'high', '1.5'])('refuses %s as a priority', async (priority) => {
    const { env, posts } = await anApi([]);

    const { code, complaints } = await run(['submit', aCsv(), '--type', 'videos', '--priority', priority], env);

    expect({ code, posts }).toEqual({ code: 1, posts: [] });
    expect(complaints).toContain('It must be an integer from 1 to 5');
  });

  /** The document of the import, with that many of its 3,000 items failed. */
  const document = (state: string, failed: number, finished = true) => ({
    ...{ id: 'abcdefghijkl', kind: 'video', state, finished },
    counts: {
      total: 3_000,
      open: finished ? 0 : 1_000,
      success: 2_000,
      skipped: finished ? 1_000 - failed : 0,
      failed,
    },
    failures: failed === 0 ? [] : [{ code: 'http_404', host: 'a.example', count: failed, hint: 'Check the URL' }],
  });
  const started = document('started', 0, false);
  const submit = ['--type', 'videos', '--system-name', 'csv'];

  it.each<[string, unknown, number, string]>([
    ['all went well', document('success', 0), 0, 'ended well: 3,000 items, 2,000 success, 1,000 skipped, 0 failed'],
    ['some items of a success failed', document('success', 25), 2, 'ended, but 25 of 3,000 items FAILED'],
    ['the import failed', document('failed', 25), 3, 'FAILED, it was stopped before its end'],
  ])('with --wait tells that %s, in words and by its exit code', async (_name, last, expected, words) => {
    const { env } = await anApi([started, last]);

    const { code, printed } = await run(['submit', aCsv(), ...submit, '--wait'], env);

    expect(code).toBe(expected);
    expect(printed).toContain(`Import abcdefghijkl ${words}`);
  });

  it('ends in a table of the failures, where the others are listed, and what to do about them', async () => {
    const { env } = await anApi([document('success', 25)]);

    const { printed } = await run(['submit', aCsv(), ...submit, '--wait'], env);

    expect(printed.split('\n').slice(1)).toEqual([
      '',
      'ID                     CODE      HOST       REASON',
      'img-17                 http_404  a.example  The source answered 404',
      'line\\u000abreak\\u202e  http_404  a.example  The source answered 404',
      `and 23 more: GET ${env.DURABLE_IMPORT_API}/api/v1/imports/abcdefghijkl/items?state=failed`,
      '',
      'http_404: Check the URL',
    ]);
  });

  it('prints the status document with --json', async () => {
    const { env } = await anApi([document('success', 25)]);

    const { code, printed } = await run(['submit', aCsv(), ...submit, '--wait', '--json'], env);
    const status = await run(['status', 'abcdefghijkl', '--json'], env);

    expect([code, status.code]).toEqual([2, 2]);
    expect(JSON.parse(printed)).toEqual(STATUS);
    expect(JSON.parse(status.printed)).toEqual(STATUS);
  });

  it('tells how far it is also where no terminal is', async () => {
    const { env } = await anApi([document('started', 7, false), document('success', 7)]);

    const { complaints } = await run(['submit', aCsv(), ...submit, '--wait'], env);

    expect(complaints.split('\n')).toEqual(['Import abcdefghijkl', '2,000 of 3,000 items done, 7 failed']);
  });

  it('shows with status how far an import is, and ends with 0 while it runs', async () => {
    const { env } = await anApi([started]);

    const { code, printed } = await run(['status', 'abcdefghijkl'], env);

    expect({ code, printed }).toEqual({
      code: 0,
      printed: 'Import abcdefghijkl is running: 2,000 of 3,000 items done (2,000 success, 0 skipped, 0 failed)',
    });
  });

  it('sends an Idempotency-Key of its own with every batch, or the one that it is given', async () => {
    const { env, keys } = await anApi([]);

    for (const more of [[], [], ['--idempotency-key', 'mine']]) await run(['submit', aCsv(), ...submit, ...more], env);

    expect(keys).toEqual([expect.stringMatching(/^[\da-f-]{36}$/), expect.stringMatching(/^[\da-f-]{36}$/), 'mine']);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it.each([503, 409])('after a %d names the key with which the batch can be sent again', async (status) => {
    const { env, keys } = await anApi([], [status, { status, error: 'Some', error_details: {} }]);

    const { code, complaints } = await run(['submit', aCsv(), ...submit], env);

    expect(code).toBe(1);
    expect(complaints).toContain(`Repeat the command with --idempotency-key ${String(keys[0])}`);
  });

  it.each([
    [401, {}, 'token create prints a new one'],
    [403, {}, 'token create --project ID --scope "public-api:read public-api:write"'],
    [400, { systemName: 'Missing required property: systemName' }, 'systemName (--system-name): Missing required'],
  ])('says what to do after a %d', async (status, details, advice) => {
    const { env } = await anApi([], [status, { status, error: 'Refused', error_details: details }]);

    const { code, complaints } = await run(['submit', aCsv(), ...submit], env);

    expect(code).toBe(1);
    expect(complaints).toContain(advice);
  });

  it('tells the lines of a CSV file that the API refuses', async () => {
    const details = { 'line.3.url': 'Must be an http URL' };
    const { env } = await anApi([], [400, { status: 400, error: 'Bad Request', error_details: details }]);

    const { code, complaints } = await run(['submit', aCsv(), ...submit], env);

    expect(code).toBe(1);
    expect(complaints).toContain('line 3, url: Must be an http URL');
  });

  it('exits with 1 when nothing is listening', async () => {
    const env = { DURABLE_IMPORT_API: 'http://127.0.0.1:1', DURABLE_IMPORT_TOKEN: 'token' };

    const { code, complaints } = await run(['submit', aCsv(), ...submit], env);

    expect(code).toBe(1);
    expect(complaints).toMatch(
      /^Not known to be accepted\. Repeat the command with --idempotency-key [\da-f-]{36}: .*\nThe API cannot be reached at http:\/\/127\.0\.0\.1:1$/,
    );
  });
});

describe('token and webhook-secret', () => {
  let database: TestDatabase;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    database = await aTestDatabase();
    env = { MONGODB_URL: database.url, MONGODB_DATABASE: database.database, TOKEN_SECRET: SECRET, DATA_DIR: folder };
  });
  afterAll(() => database.close());

  it('makes a token that the API takes, lists it and revokes it', async () => {
    const create = [
      'token',
      'create',
      '--project',
      'p1',
      '--scope',
      'public-api:write',
      '--expires',
      '2h',
      '--name',
      'n',
    ];
    const { code, printed: token, complaints } = await run(create, env);
    const { jti = '', exp = 0, iat = 0 } = decodeJwt(token);

    expect(code).toBe(0);
    expect(exp - iat).toBe(7200);
    await expect(createTokenVerifier({ keys: { secret: SECRET } })(token)).resolves.toMatchObject({
      projectId: 'p1',
      jti,
      name: 'n',
    });
    expect(complaints).toContain(`Token ${jti} for project p1 with the scopes public-api:write is good until`);
    const listed = (await run(['token', 'list', '--project', 'p1'], env)).printed.split('\n');
    expect(listed[0]?.split(/ {2,}/)).toEqual(['ID', 'PROJECT', 'STATE', 'EXPIRES', 'NAME', 'SCOPES']);
    expect(listed[1]).toMatch(new RegExp(`^${jti}  p1 +good +\\S+  n +public-api:write$`));
    expect(JSON.parse((await run(['token', 'list', '--json'], env)).printed)).toMatchObject({ _id: jti, name: 'n' });
    expect((await run(['token', 'list', '--project', 'p2'], env)).printed).toBe('');
    expect((await run(['token', 'revoke', jti], env)).printed).toBe(`Revoked ${jti}`);
    expect((await run(['token', 'list'], env)).printed).toMatch(new RegExp(`${jti}  p1 +revoked `));
  });

  it('shows the secret of a project and replaces it', async () => {
    const { printed: first } = await run(['webhook-secret', 'show', '--project', 'p1'], env);

    const { printed: second } = await run(['webhook-secret', 'rotate', '--project', 'p1'], env);

    expect(first).toMatch(/^whsec_/);
    expect(second).toMatch(/^whsec_/);
    expect((await run(['webhook-secret', 'show', '--project', 'p1'], env)).printed).toBe(`${second}\n${first}`);
  });
});

describe('replayHistories', () => {
  const stored = fileURLToPath(new URL('../../replay/histories/import-batch--all-good--0.1.0.json', import.meta.url));
  let codePath: string;
  beforeAll(async () => {
    silenceRuntime();
    codePath = join(folder, 'workflow-bundle.js');
    const bundle = await workflowBundle();
    writeFileSync(codePath, 'code' in bundle ? bundle.code : '');
  });

  async function verdictOf(history: unknown) {
    for await (const verdict of replayHistories([{ workflowId: 'import/p/b', runId: 'r', history }], codePath))
      return verdict;
    return undefined;
  }

  it('says that a history of this code replays', async () => {
    expect(await verdictOf(JSON.parse(readFileSync(stored, 'utf8')))).toEqual({
      workflowId: 'import/p/b',
      runId: 'r',
      problem: null,
    });
  });

  it('says in words where a history of other code parts from this one', async () => {
    const other = JSON.parse(readFileSync(stored, 'utf8').replaceAll('"planRound"', '"drawUpPlan"')) as unknown;

    expect((await verdictOf(other))?.problem).toMatch(
      /does not do what this history has recorded[^]*Where they part: [^]*drawUpPlan/,
    );
  });

  it('says that the package is not built', async () => {
    await expect(replayHistories([], join(folder, 'none.js'))[Symbol.asyncIterator]().next()).rejects.toThrow(
      'The workflow code is not built: run npm run build',
    );
  });
});
