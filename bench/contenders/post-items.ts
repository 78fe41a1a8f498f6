import type { BenchClient } from './bench-client.js';

export interface Posted {
  readonly importIds: readonly string[];
  /** How: `JSON`, `NDJSON` or several of JSON. */
  readonly posted: string;
}

/** The most that one JSON body may hold. */
const JSON_ITEMS = 10_000;

/**
 * Posts any number of items: up to 10,000 as JSON, more as one streamed import, and as several imports of JSON where the service
 * does not take such a stream.
 * @throws Error when a body is refused
 */
export async function postItems(client: BenchClient, batch: object, items: readonly object[]): Promise<Posted> {
  const postJson = (some: readonly object[]): Promise<string> => client.submit({ ...batch, videos: some });
  if (items.length <= JSON_ITEMS) return { importIds: [await postJson(items)], posted: 'JSON' };

  if (await client.takesLines()) return { importIds: [await client.submitLines([batch, ...items])], posted: 'NDJSON' };
  const importIds: string[] = [];
  for (let from = 0; from < items.length; from += JSON_ITEMS)
    importIds.push(await postJson(items.slice(from, from + JSON_ITEMS)));
  return { importIds, posted: `${importIds.length} × JSON` };
}
