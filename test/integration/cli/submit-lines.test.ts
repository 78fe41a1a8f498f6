import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from '../../../src/cli/run-cli.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { itemLines, ndjson } from '../../support/posted-lines.js';
import { anItem } from '../../support/import-builders.js';

describe('submit to a gateway', () => {
  let folder: string;
  let gateway: TestGateway;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'submit-lines-'));
    gateway = await aGateway();
  });
  afterAll(async () => {
    await gateway.close();
    rmSync(folder, { recursive: true });
  });

  const submit = async (name: string, content: string, ...more: string[]) => {
    const file = join(folder, name);
    writeFileSync(file, content);
    const [printed, complaints]: [string[], string[]] = [[], []];
    const env = { DURABLE_IMPORT_API: gateway.origin, DURABLE_IMPORT_TOKEN: gateway.client.token };
    const context = {
      env,
      print: (line: string) => printed.push(line),
      complain: (line: string) => complaints.push(line),
    };
    const code = await runCli(['submit', file, '--type', 'videos', ...more], context);
    return { code, printed: printed.join('\n'), complaints: complaints.join('\n') };
  };

  it('takes a file of more items than one JSON body may have', async () => {
    const lines = ['{"systemName":"file","context":{"a":1}}\n', ...itemLines(12_000)].join('');

    const { code, printed: id } = await submit('large.ndjson', lines, '--system-name', 'line');

    expect(code).toBe(0);
    expect(await gateway.store.batches.find('p1', id)).toMatchObject({
      ...{ systemName: 'line', context: { a: 1 }, itemCount: 12_000 },
    });
  }, 180_000);

  it('takes a CSV file with what belongs to the batch from the command line', async () => {
    const rows = 'url,id,fileName,metadata.title\nhttps://a.example/1.mp4,1,one,"One, first"\n';

    const { code, printed: id } = await submit('a.csv', rows, '--system-name', 'csv', '--context', '{"job":7}');

    expect(code).toBe(0);
    expect(await gateway.store.batches.find('p1', id)).toMatchObject({ systemName: 'csv', context: { job: 7 } });
    expect(await gateway.store.items.find(id, 0)).toMatchObject({ metadata: { title: 'One, first' } });
  });

  it('ends with 1 and names the lines that are refused, also when much of the file was still to be sent', async () => {
    const bad = Array.from({ length: 200 }, () => 'nonsense\n').join('');

    const { code, complaints } = await submit(
      'bad.ndjson',
      ndjson([anItem('a')]) + bad + [...itemLines(50_000)].join(''),
    );

    expect(code).toBe(1);
    expect(complaints).toContain('The API answered 400 Bad Request\n  line 3: Must be valid JSON\n  line 4: ');
  }, 180_000);

  it('ends with 1 and names the option when the file names no system', async () => {
    const { code, complaints } = await submit('b.ndjson', ['{}\n', ...itemLines(1)].join(''));

    expect({ code, complaints }).toEqual({
      code: 1,
      complaints:
        'The API answered 400 Bad Request\n  line 1, systemName (--system-name): Missing required property: systemName',
    });
  });
});
