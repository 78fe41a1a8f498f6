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
import { createTokenVerifier } from '../../../src/http/verify-token.js';
import { replayHistories, silenceRuntime } from '../../../src/cli/replay-histories.js';
import { runCli } from '../../../src/cli/run-cli.js';
import { aTestDatabase, type TestDatabase } from '../../support/mongo.js';
import { workflowBundle } from '../../support/workflow-bundle.js';

const SECRET = 'a secret of at least thirty-two bytes';

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

  /** An API that accepts every batch and answers the given status documents one after the other. */
  async function anApi(statuses: readonly unknown[], post: [number, unknown] = [200, { id: 'abcdefghijkl' }]) {
    const posts: { type: string; url: string; body: string }[] = [];
    const left = [...statuses];
    const counts = { total: 2, open: 1, success: 1, skipped: 0, failed: 0 };
    const answerFor = async (request: IncomingMessage): Promise<[number, unknown]> => {
      const { method, url = '', headers } = request;
      if (method === 'POST') {
        posts.push({ type: headers['content-type'] ?? '', url, body: await text(request) });
        return post;
      }
      if (url.includes('/status')) return [200, left.length > 1 ? left.shift() : left[0]];
      return [200, { id: 'abcdefghijkl', kind: 'video', finished: false, counts }];
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
    return { posts, env: { DURABLE_IMPORT_API: origin, DURABLE_IMPORT_TOKEN: 'token' } };
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

    await run(['submit', aCsv(), '--type', 'videos', '--priority', '1'], env);

    expect(posts).toMatchObject([{ url: '/api/v1/import/videos?priority=1' }]);
  });

  it.each(['0', '6', 'high', '1.5'])('refuses %s as a priority', async (priority) => {
    const { env, posts } = await anApi([]);

    const { code, complaints } = await run(['submit', aCsv(), '--type', 'videos', '--priority', priority], env);

    expect({ code, posts }).toEqual({ code: 1, posts: [] });
    expect(complaints).toContain('It must be an integer from 1 to 5');
  });

  const finished = (...states: string[]) => ({
    finished: true,
    state: 'success',
    id: 'abcdefghijkl',
    videos: states.map((state) => ({ state })),
  });
  const started = { finished: false, state: 'started', id: 'abcdefghijkl', startedAt: '2026-01-01 00:00:00' };

  it.each<[string, unknown, number]>([
    ['all went well', finished('success', 'skipped'), 0],
    ['some items failed', finished('success', 'failed'), 2],
    ['the import failed', { finished: true, state: 'failed', id: 'abcdefghijkl' }, 3],
  ])('with --wait prints the status document and tells that %s', async (_name, last, expected) => {
    const { env } = await anApi([started, last]);

    const { code, printed } = await run(['submit', aCsv(), '--type', 'videos', '--wait'], env);

    expect(code).toBe(expected);
    expect(JSON.parse(printed)).toEqual(last);
  });

  it('tells the lines of a CSV file that the API refuses', async () => {
    const details = { 'line.3.url': 'Must be an http URL' };
    const { env } = await anApi([], [400, { status: 400, error: 'Bad Request', error_details: details }]);

    const { code, complaints } = await run(['submit', aCsv(), '--type', 'videos'], env);

    expect(code).toBe(1);
    expect(complaints).toContain('line 3, url: Must be an http URL');
  });

  it('ends with 1 when nobody listens', async () => {
    const env = { DURABLE_IMPORT_API: 'http://127.0.0.1:1', DURABLE_IMPORT_TOKEN: 'token' };

    const { code, complaints } = await run(['submit', aCsv(), '--type', 'videos'], env);

    expect(code).toBe(1);
    expect(complaints).toBe('The API cannot be reached at http://127.0.0.1:1');
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
    const { code, printed: token } = await run(create, env);
    const { jti = '', exp = 0, iat = 0 } = decodeJwt(token);

    expect(code).toBe(0);
    expect(exp - iat).toBe(7200);
    await expect(createTokenVerifier({ keys: { secret: SECRET } })(token)).resolves.toMatchObject({
      projectId: 'p1',
      jti,
      name: 'n',
    });
    expect((await run(['token', 'list', '--project', 'p1'], env)).printed).toContain(`${jti}\tp1\tgood\t`);
    expect((await run(['token', 'list', '--project', 'p2'], env)).printed).toBe('');
    expect((await run(['token', 'revoke', jti], env)).printed).toBe(`Revoked ${jti}`);
    expect((await run(['token', 'list'], env)).printed).toContain(`${jti}\tp1\trevoked\t`);
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
