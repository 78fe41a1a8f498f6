import { randomUUID } from 'node:crypto';
import { MongoClient, type Db } from 'mongodb';

export interface TestDatabase {
  readonly url: string;
  readonly database: string;
  readonly client: MongoClient;
  readonly db: Db;
  /** Drops the database and closes the client. */
  close(): Promise<void>;
}

/** A database of the test run's MongoDB server that no other test uses. Called in `beforeAll`, closed in `afterAll`. */
export async function aTestDatabase(): Promise<TestDatabase> {
  const url = process.env['TEST_MONGODB_URL'];
  if (url === undefined) throw new Error('TEST_MONGODB_URL is not set: this project of jest has no servers');
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  const client = await new MongoClient(url).connect();
  const db = client.db(database);
  return {
    url,
    database,
    client,
    db,
    close: async () => {
      await db.dropDatabase();
      await client.close();
    },
  };
}
