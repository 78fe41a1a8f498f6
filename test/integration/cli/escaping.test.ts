import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runCli } from '../../../src/cli/run-cli.js';

/** What a terminal acts on; line breaks are looked at as lines. */
const STEERS = /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

/** Text of an API, a source or a file that means harm. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\u001b]0;pwned\u0007', '\u009b2J', '\u202e', '\n', '\r', '\u0000', '\u007f', '\u2066', '\u2028'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 40,
});

describe('the command line, whatever the API and the files say', () => {
  let server: Server;
  let folder: string;
  let answer: (url: string) => [number, unknown] = () => [200, {}];
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'escaping-'));
    server = createServer((request, response) => {
      const [status, body] = answer(request.url ?? '');
      request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    env = { DURABLE_IMPORT_API: origin, DURABLE_IMPORT_TOKEN: 'token' };
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    rmSync(folder, { recursive: true });
  });

  const run = async (...args: string[]): Promise<string> => {
    const lines: string[] = [];
    const add = (text: string): void => void lines.push(text);
    await runCli(args, { env, print: add, complain: add });
    return lines.join('\n');
  };
  const document = (id: string, hint: string) => ({
    ...{ id, kind: 'video', state: 'success', finished: true },
    counts: { total: 2, open: 0, success: 1, skipped: 0, failed: 1 },
    failures: [{ code: 'http_404', hint }],
  });

  it('prints nothing of a summary that steers the terminal, and no line that is not its own', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, hostile, async (id, host, reason, hint) => {
        const items = [{ externalId: id, state: 'failed', code: 'http_404', host, reason }];
        answer = (url) => [200, url.includes('/items') ? { items, next: null } : document(id, hint)];

        const printed = await run('status', 'abcdefghijkl');

        expect(printed).not.toMatch(STEERS);
        // Heading, header of the table, one row and one hint, with an empty line before each of the two parts.
        expect(printed.split('\n')).toHaveLength(6);
      }),
      { numRuns: 60 },
    );
  });

  it('prints the status document as the same JSON', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const status = { finished: true, state: 'success', id: 'x', videos: [{ reason: text }] };
        answer = (url) => [200, url.includes('/status') ? status : document('x', '')];

        const printed = await run('status', 'abcdefghijkl', '--json');

        expect(printed).not.toMatch(STEERS);
        expect(JSON.parse(printed)).toEqual(status);
      }),
      { numRuns: 40 },
    );
  });

  it('prints nothing of a refusal that steers the terminal, and a line for each sentence', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (error, path, sentence) => {
        answer = () => [400, { error, error_details: { [`a${path}`]: sentence, context: { [path]: sentence } } }];

        const printed = await run('status', 'abcdefghijkl');

        expect(printed).not.toMatch(STEERS);
        expect(printed.split('\n')).toHaveLength(3);
      }),
      { numRuns: 60 },
    );
  });

  it('prints nothing of a file that is not JSON which steers the terminal', async () => {
    const file = join(folder, 'batch.json');
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        writeFileSync(file, `{"a": ${text}`);

        const printed = await run('submit', file, '--type', 'files');

        expect(printed).not.toMatch(STEERS);
        expect(printed.split('\n')).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['an option', ['status', '--\u001b]0;pwned\u0007']],
    ['a file name', ['submit', 'no\u001b[2J.json', '--type', 'files']],
    ['an address', ['status', 'x', '--api', 'ftp://\u009b2J']],
  ])('prints nothing of %s that steers the terminal', async (_name, args) => {
    expect(await run(...args)).not.toMatch(STEERS);
  });
});
