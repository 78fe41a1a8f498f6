import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JSONWebKeySet } from 'jose';
import { hasUsableKey, type TokenKeys } from '../api/auth.js';
import type { HttpSettings } from '../api/settings.js';
import type { BlobStore } from '../blobs/blob-store.js';
import { openBlobStore } from '../blobs/open-blob-store.js';
import type { Config } from '../config.js';
import { defaultMediaTypes, parseMediaTypes } from '../domain/media-types.js';
import type { MediaTypes } from '../domain/media.js';
import { createFfprobe, findFfprobe } from '../probe/ffprobe.js';
import { createProber, type Prober } from '../probe/prober.js';

/** The blob store that the configuration names; a folder under DATA_DIR when it names none. */
export function configuredBlobStore(config: Config): BlobStore {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = config;
  const url = config.BLOB_STORE_URL ?? `file:${join(config.DATA_DIR, 'blobs')}`;
  if (accessKeyId === undefined || secretAccessKey === undefined) return openBlobStore(url);
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  return openBlobStore(url, { credentials });
}

/**
 * The media types of MEDIA_TYPES_FILE, or the defaults without one.
 * @throws Error that names the file and every rule that it breaks
 */
export async function loadMediaTypes(file: string | undefined): Promise<MediaTypes> {
  if (file === undefined) return defaultMediaTypes();
  try {
    return parseMediaTypes(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`MEDIA_TYPES_FILE ${file}: ${why}`, { cause: error });
  }
}

/**
 * What makes the reader of video, audio and photos, with the ffprobe that FFPROBE names or that is in PATH.
 * @throws Error when FFPROBE names no program
 */
export async function configuredProber(config: Config): Promise<(blobs: BlobStore) => Prober> {
  const program = await findFfprobe(config.FFPROBE, config.PATH ?? '');
  const ffprobe = program === null ? null : createFfprobe(program);
  return (blobs) => createProber({ blobs, ffprobe });
}

/**
 * What the configuration chooses about the API.
 * @throws Error when neither or both of TOKEN_SECRET and TOKEN_JWKS_FILE are set, or no token could be checked with the key set
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
    projectRateLimit: config.RATE_LIMIT_PROJECT,
    unknownId: config.UNKNOWN_ID,
    itemSuccessState: config.ITEM_SUCCESS_STATE,
    memoryForBodies: config.MEMORY_FOR_BODIES,
    memoryForAnswers: config.MEMORY_FOR_ANSWERS,
    maxOpenAssets: config.MAX_OPEN_ASSETS,
    maxProjectRequests: config.MAX_PROJECT_REQUESTS,
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
  const jwks = await readKeySet(file);
  if (await hasUsableKey(jwks)) return { jwks };
  throw new Error(
    `TOKEN_JWKS_FILE ${file} has no public key that signs tokens (RSA of 2048 bits or more, EC or Ed25519), so every token would be refused`,
  );
}

async function readKeySet(file: string): Promise<JSONWebKeySet> {
  try {
    return (JSON.parse(await readFile(file, 'utf8')) ?? {}) as JSONWebKeySet;
  } catch (error) {
    throw new Error(`TOKEN_JWKS_FILE ${file} cannot be read as JSON`, { cause: error });
  }
}

/** Where `npm run build` puts the page, for compiled code (`dist/src/process`) and for code that runs from its sources. */
export function builtPageFolder(): string {
  const isCompiled = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(isCompiled ? '../../ui' : '../../dist/ui', import.meta.url));
}
