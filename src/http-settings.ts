import { readFile } from 'node:fs/promises';
import type { JSONWebKeySet } from 'jose';
import type { Config } from './config.js';
import type { HttpSettings } from './http/settings.js';
import type { TokenKeys } from './http/verify-token.js';

/**
 * What the configuration chooses about the API.
 * @throws Error when neither or both of TOKEN_SECRET and TOKEN_JWKS_FILE are set, or the file is not a key set
 */
export async function httpSettings(config: Config): Promise<HttpSettings> {
  const { TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience } = config;
  return {
    publicUrl: config.PUBLIC_URL ?? `http://${config.HOST}:${config.PORT}`,
    versions: { latest: config.API_VERSION_LATEST, withdrawn: config.API_VERSIONS_WITHDRAWN },
    tokens: {
      keys: await tokenKeys(config),
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    },
    rateLimit: config.RATE_LIMIT,
    unknownId: config.UNKNOWN_ID,
    itemSuccessState: config.ITEM_SUCCESS_STATE,
    memoryForBodies: config.MEMORY_FOR_BODIES,
    plan: {
      sweepAbove: config.SWEEP_ABOVE,
      sweepPage: config.SWEEP_PAGE,
      hostMaxConcurrent: config.HOST_MAX_CONCURRENT,
    },
    temporalUiUrl: config.TEMPORAL_UI_URL ?? null,
    temporalNamespace: config.TEMPORAL_NAMESPACE,
  };
}

async function tokenKeys({ TOKEN_SECRET: secret, TOKEN_JWKS_FILE: file }: Config): Promise<TokenKeys> {
  if ((secret === undefined) === (file === undefined))
    throw new Error(
      'The gateway needs either TOKEN_SECRET (at least 32 bytes) or TOKEN_JWKS_FILE to check access tokens',
    );
  if (file === undefined) return { secret: secret ?? '' };
  try {
    return { jwks: JSON.parse(await readFile(file, 'utf8')) as JSONWebKeySet };
  } catch (error) {
    throw new Error(`TOKEN_JWKS_FILE ${file} cannot be read as JSON`, { cause: error });
  }
}
