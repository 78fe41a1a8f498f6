import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aGateway, type TestGateway } from '../../support/gateway.js';

const NDJSON = { 'content-type': 'application/x-ndjson' };
const CSV = { 'content-type': 'text/csv' };
const item = (id: string, url = `https://cdn.example.com/${id}.jpg`) => ({
  url,
  id,
  fileName: `${id}.jpg`,
  metadata: {},
});
const lines = (...all: unknown[]) => all.map((line) => JSON.stringify(line)).join('\n');

describe('POST of lines with dryRun=true', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());
  const post = (body: string, headers: Record<string, string> = NDJSON, query = '?dryRun=true') =>
    gateway.client.post(`/api/v1/import/images${query}`, body, { headers });

  it('names what is wrong with each line, ids that are there twice too, and stores nothing', async () => {
    const body = lines(
      { systemName: 'cms' },
      item('a'),
      item('b', 'https://10.0.0.3/b.jpg'),
      { ...item('c'), fileName: '' },
      item('a'),
      'not an item',
    );
    const answer = await post(body);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        items: 1,
        bad: 4,
        problems: {
          'line.3.url':
            'The address of the URL is not public; for a local or private origin see EGRESS_ALLOW in docs/configuration.md',
          'line.4.fileName': 'Must have 1 to 500 characters',
          'line.5.id': 'Must be unique, line 2 has the same',
          'line.6': 'Invalid type: expected object',
        },
      },
    ]);
    expect(await gateway.store.batches.findRunning('p1')).toEqual([]);
    expect(gateway.workflows.started).toEqual([]);
  });

  it('checks a table in the same way', async () => {
    const answer = await post('url,id,fileName\nftp://a.example/1,a,a.jpg\n', CSV, '?dryRun=true&systemName=cms');
    expect(answer.body).toEqual({
      items: 0,
      bad: 1,
      problems: { 'line.2.url': 'The URL must be absolute and start with http:// or https://' },
    });
  });

  it('refuses what is wrong with the import itself, as a POST does', async () => {
    const { status, body } = await post(lines({ systemName: '' }, item('a')));
    expect([status, body]).toMatchObject([
      400,
      { error_details: { 'line.1.systemName': 'Must have 1 to 200 characters' } },
    ]);
  });

  it('tells how far it looked when there is more to say than one answer holds', async () => {
    const bad = Array.from({ length: 1_200 }, (_, at) => item(`bad-${at}`, 'ftp://a.example/1'));
    const { body } = await post(lines({ systemName: 'cms' }, ...bad));
    expect(body).toMatchObject({ items: 0, bad: 1_200, coveredTo: 1_001 });
    expect(Object.keys((body as { problems: object }).problems)).toHaveLength(1_000);
  });

  it('is refused for a JSON body', async () => {
    const { status, body } = await gateway.client.post('/api/v1/import/images?dryRun=true', {
      systemName: 'cms',
      images: [item('a')],
    });
    expect([status, body]).toMatchObject([
      400,
      { error_details: { dryRun: expect.stringContaining('application/x-ndjson') as unknown } },
    ]);
  });
});
