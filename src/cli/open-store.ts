import { loadConfig, type Config } from '../config.js';
import type { Store } from '../contract/store.js';
import { readRunFile } from '../stack/run-file.js';

/**
 * Works on the database that MONGODB_URL names, else on that of the stack that runs on DATA_DIR.
 * @throws Error that says so when there is neither
 */
export async function withStore<T>(
  env: NodeJS.ProcessEnv,
  work: (store: Store, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig(env);
  const url = env['MONGODB_URL'] ? config.MONGODB_URL : (await readRunFile(config.DATA_DIR))?.mongodb;
  if (url === undefined) throw new Error(`Nothing runs on ${config.DATA_DIR}: run start first, or set MONGODB_URL`);
  const { createStore } = await import('../store/connect.js');
  const store = await createStore({ url, database: config.MONGODB_DATABASE });
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}
