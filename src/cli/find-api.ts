import type { Command } from 'commander';
import { readRunFile } from '../stack/run-file.js';

export interface ApiAddress {
  /** An origin, without a slash at its end. */
  readonly api: string;
  readonly token: string;
}

export interface ApiOptions {
  readonly api?: string;
  readonly token?: string;
}

/** Adds the options of every command that talks to the API. */
export function withApiOptions(command: Command): Command {
  return command
    .option('--api <origin>', 'origin of the API (default: DURABLE_IMPORT_API, or the stack that runs on DATA_DIR)')
    .option('--token <token>', 'access token (default: DURABLE_IMPORT_TOKEN, or that of the stack on DATA_DIR)');
}

/**
 * Where the API is and who asks: what was given, else the environment, else the stack that runs on DATA_DIR. The token of the
 * stack goes to its own address only.
 * @throws Error that says what to give
 */
export async function findApi(options: ApiOptions, env: NodeJS.ProcessEnv): Promise<ApiAddress> {
  const given = options.api ?? nonEmpty(env['DURABLE_IMPORT_API']);
  const token = options.token ?? nonEmpty(env['DURABLE_IMPORT_TOKEN']);
  const dataDir = nonEmpty(env['DATA_DIR']) ?? '.data';
  const run = given !== undefined && token !== undefined ? null : await readRunFile(dataDir);
  const api = originOf(given) ?? run?.api;
  if (api === undefined) throw new Error(`Nothing runs on ${dataDir}: run start first, or give --api and --token`);
  const ownToken = api === run?.api ? run.token : null;
  const found = token ?? ownToken;
  if (found === null) throw new Error(`No access token for ${api}: give --token or set DURABLE_IMPORT_TOKEN`);
  return { api, token: found };
}

function originOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new Error('The API address must be an origin such as http://127.0.0.1:8080');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
