import { describe, expect, it } from '@jest/globals';
import type { StatusDocument } from '../../../src/cli/api-client.js';
import { runCli } from '../../../src/cli/run-cli.js';
import { exitCodeOf } from '../../../src/cli/wait-for-import.js';

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
  it.each<[string, StatusDocument, number]>([
    ['all items succeeded or were skipped', done([{ state: 'success' }, { state: 'skipped' }]), 0],
    ['some items failed', done([{ state: 'success' }, { state: 'failed' }]), 2],
    ['the import failed', { finished: true, state: 'failed', id: 'x' }, 3],
    ['the import goes on', { finished: false, state: 'started', id: 'x' }, 0],
  ])('when %s', (_name, status, code) => {
    expect(exitCodeOf(status, 'videos')).toBe(code);
  });

  function done(videos: { state: string }[]): StatusDocument {
    return { finished: true, state: 'success', id: 'x', videos };
  }
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
    ['nothing that runs', ['status', 'abc'], 'Nothing runs on /nonexistent/data'],
    [
      'a wrong project',
      ['token', 'create', '--scope', 'public-api:write', '--project', 'a/b'],
      'letters, digits, _ or -',
    ],
    [
      'an unknown scope',
      ['token', 'create', '--scope', 'everything', '--project', 'p'],
      'the scopes are public-api:read, public-api:write, priority:urgent',
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
  });
});
