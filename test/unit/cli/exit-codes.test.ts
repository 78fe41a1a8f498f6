import { describe, expect, it } from '@jest/globals';
import type { ImportDocument } from '../../../src/cli/api-client.js';
import { exitCodeOf } from '../../../src/cli/summary.js';
import { runCli } from '../../../src/cli/run-cli.js';

async function run(...args: string[]): Promise<{ code: number; printed: string; complaints: string }> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const env = { DATA_DIR: '/nonexistent/data' };
  const code = await runCli(args, {
    env,
    print: (text) => printed.push(text),
    complain: (text) => complaints.push(text),
  });
  return { code, printed: printed.join('\n'), complaints: complaints.join('\n') };
}

describe('exitCodeOf', () => {
  it.each<[string, Pick<ImportDocument, 'finished' | 'state'>, number, number]>([
    ['all items succeeded or were skipped', { finished: true, state: 'success' }, 0, 0],
    ['some items of a success failed', { finished: true, state: 'success' }, 1, 2],
    ['the import failed', { finished: true, state: 'failed' }, 2, 3],
    ['the import goes on', { finished: false, state: 'started' }, 1, 0],
  ])('when %s', (_name, state, failed, code) => {
    const counts = { total: 2, open: 0, success: 2 - failed, skipped: 0, failed };
    expect(exitCodeOf({ id: 'x', kind: 'video', ...state, counts })).toBe(code);
  });
});

describe('the command line', () => {
  it.each([
    ['an unknown command', ['nonsense'], "unknown command 'nonsense'"],
    ['an unknown option', ['start', '--nonsense'], "unknown option '--nonsense'"],
    ['no type', ['submit', 'x.json'], "required option '--type <type>' not specified"],
    ['a wrong type', ['submit', 'x.json', '--type', 'songs'], 'Allowed choices are videos, files, images'],
    [
      'a context that is no object',
      ['submit', 'x.json', '--type', 'files', '--context', '[]'],
      'must be a JSON object',
    ],
    ['a file that is not there', ['submit', 'none.json', '--type', 'files'], 'none.json cannot be read'],
    ['a CSV file and no systemName', ['submit', 'a.csv', '--type', 'files'], 'give it with --system-name'],
    ['nothing that runs', ['status', 'abc'], 'Nothing runs on /nonexistent/data'],
    [
      'a wrong project',
      ['token', 'create', '--scope', 'public-api:write', '--project', 'a/b'],
      'letters, digits, _ or -',
    ],
    [
      'an unknown scope',
      ['token', 'create', '--scope', 'everything', '--project', 'p'],
      'the scopes are public-api:read, public-api:write, operations, priority:urgent',
    ],
    [
      'no project',
      ['token', 'create', '--scope', 'public-api:write'],
      "required option '--project <id>' not specified",
    ],
    [
      'a wrong expiry',
      ['token', 'create', '--scope', 'public-api:write', '--project', 'p', '--expires', 'soon'],
      'such as 12h or 90d',
    ],
    ['neither database nor stack', ['token', 'list'], 'Nothing runs on /nonexistent/data'],
    ['neither file nor import', ['replay', 'no such.json'], 'is neither a file nor an import id'],
  ])('ends with 1 and says so given %s', async (_name, args, message) => {
    const { code, complaints } = await run(...args);

    expect(code).toBe(1);
    expect(complaints).toContain(message);
  });

  it('ends with 0 after showing help', async () => {
    const { code, printed } = await run('submit', '--help');

    expect(code).toBe(0);
    expect(printed).toContain('1 usage or connection, 2 some items failed, 3 the import failed');
    expect((await run('status', '--help')).printed).toContain('2 some items failed, 3 the import failed');
  });
});
