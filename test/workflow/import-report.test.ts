import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { fakeActivities } from '../support/fake-activities.js';
import { keepHistory, withImport } from '../support/import-run.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { readRepoFile, section, tableRows } from '../unit/docs/markdown.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

const page = 'https://import.example.com/ui/imports/abc';
const hosts = (count: number) => Array<string>(count).fill('cdn.example.com');

async function found(query: string, workflowId: string): Promise<boolean> {
  for await (const run of temporal.client.workflow.list({ query })) if (run.workflowId === workflowId) return true;
  return false;
}

describe('what the Temporal UI shows of an import', () => {
  it('has its counts and troubles in search attributes, memo and current details, and costs few events', async () => {
    const activities = fakeActivities({
      itemCount: 10_000,
      page: 100,
      sweep: (seq) => (seq % 1_000 === 7 ? 'failed' : 'success'),
    });
    const finishBatch: typeof activities.finishBatch = async (input) => ({
      ...(await activities.finishBatch(input)),
      failures: [{ code: 'http_404', host: 'cdn.example.com', count: 10 }],
    });

    await withImport(
      temporal,
      { ...activities, finishBatch },
      async ({ handle }) => {
        await handle.result();

        const run = await handle.describe();
        const attributes = Object.fromEntries(
          run.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
        );
        expect(attributes).toMatchObject({
          ...{ ImportState: 'success', ItemsFailed: 10, ItemsOpen: 0 },
          Trouble: ['code:http_404', 'host:cdn.example.com'],
        });
        expect(run.memo).toEqual({ success: 9_990, skipped: 0, failed: 10 });
        expect(run.historyLength / 10_000).toBeLessThan(0.1);
        const { currentDetails } = await handle.query<{
          currentDefinition?: unknown;
          currentDetails?: string;
        }>('__temporal_workflow_metadata');
        expect(currentDetails).toContain('| Items | 10000: 0 open, 9990 imported, 0 skipped, 10 failed |');
        expect(currentDetails).toContain('10 × http_404 at cdn.example.com');
        expect(currentDetails).toContain(`(${page})`);
        await keepHistory(temporal, handle.workflowId, 'import-batch--reported');
      },
      { pageSize: 100, page },
    );
  });

  it('costs an import of one item that succeeds no event more', async () => {
    const finished = { state: 'success', counts: { success: 1, skipped: 0, failed: 0 }, webhook: null } as const;
    const lengthOf = async (shown: { page?: string }): Promise<number> => {
      let length = 0;
      const activities = fakeActivities({
        itemCount: 1,
        item: (_seq, _call, { finishes }) => ({ state: 'success', ...(finishes && { finished }) }),
      });
      await withImport(
        temporal,
        activities,
        async ({ handle }) => {
          await handle.result();
          length = (await handle.describe()).historyLength;
        },
        { hosts: hosts(1), ...shown },
      );
      return length;
    };

    expect(await lengthOf({ page })).toBe(await lengthOf({}));
  });
});

describe('the saved queries of docs/operations.md', () => {
  const queries = tableRows(section(readRepoFile('docs/operations.md'), 'Saved queries')).map(([, query = '']) =>
    query.replace(/^`|`$/g, ''),
  );

  it('are several', () => {
    expect(queries.length).toBeGreaterThan(4);
  });

  it.each(queries)('is understood by the server: %s', async (query) => {
    await expect(temporal.client.workflow.count(query)).resolves.toHaveProperty('count');
  });

  it('find an import by the host that made its items fail', async () => {
    const activities = fakeActivities({ itemCount: 2, item: () => 'failed' });
    const finishBatch: typeof activities.finishBatch = async (input) => ({
      ...(await activities.finishBatch(input)),
      failures: [{ code: 'timeout', host: 'cdn.example.com', count: 2 }],
    });
    await withImport(
      temporal,
      { ...activities, finishBatch },
      async ({ handle }) => {
        await handle.result();
        const query = queries.find((each) => each.includes('host:cdn.example.com')) ?? '';
        expect(await eventually('the import in the list', () => found(query, handle.workflowId))).toBe(true);
        const failed = queries.find((each) => each.includes('ItemsFailed > 0')) ?? '';
        expect(
          await eventually('the import among those with failed items', () => found(failed, handle.workflowId)),
        ).toBe(true);
      },
      { hosts: hosts(2), page },
    );
  });
});
