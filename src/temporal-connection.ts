import type { Config } from './config.js';

/** Where and how to reach Temporal; an API key means Temporal Cloud, which speaks TLS only. */
export function temporalConnectionOptions(config: Config): { address: string; apiKey?: string; tls?: true } {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: apiKey } = config;
  return apiKey === undefined ? { address } : { address, apiKey, tls: true };
}
