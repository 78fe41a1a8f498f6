import { MongoClient } from 'mongodb';

/** Of this run of the benchmark. */
const PREFIX = `durable_import_bench_${process.pid}_${Date.now()}`;

/** A database of this run: no two runs meet, not even on one server. */
export function databaseName(owner: string): string {
  return `${PREFIX}_${owner.replaceAll('-', '_')}`;
}

/** Drops every database of this run. */
export async function dropDatabases(url: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (name.startsWith(PREFIX)) await client.db(name).dropDatabase();
  } finally {
    await client.close();
  }
}
