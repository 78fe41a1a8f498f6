import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SignJWT } from 'jose';
import { Duration } from '../config.js';
import { URGENT_SCOPE } from '../domain/import.js';
import { readSecrets } from '../local-stack/files.js';
import type { TokenRecord } from '../store/store.js';
import { escapeControls } from '../telemetry/logger.js';
import { parseProject, type CliContext } from './context.js';
import { withStore } from './open.js';
import { table } from './summary.js';

export interface TokenOptions {
  readonly projectId: string;
  /** Space separated. */
  readonly scope: string;
  readonly name: string;
  readonly expiresInMs: number;
}

/** What a deployment signs with and, when it checks them, puts into every token. */
export interface Signing {
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/**
 * Makes an access token (JWT, HS256 with the UTF-8 bytes of the secret), which always expires, and what is recorded of it. The
 * token itself is recorded nowhere.
 */
export async function mintToken(wish: TokenOptions, signing: Signing): Promise<{ token: string; record: TokenRecord }> {
  const { projectId, scope, name, expiresInMs } = wish;
  // JWT times are whole seconds.
  const createdAt = new Date(Math.floor(Date.now() / 1000) * 1000);
  const expiresAt = new Date(createdAt.getTime() + Math.max(1000, Math.floor(expiresInMs / 1000) * 1000));
  const jti = randomUUID();
  const unsigned = new SignJWT({ projectId, scope, name })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setJti(jti)
    .setIssuedAt(createdAt)
    .setExpirationTime(expiresAt);
  if (signing.issuer !== undefined) unsigned.setIssuer(signing.issuer);
  if (signing.audience !== undefined) unsigned.setAudience(signing.audience);
  const token = await unsigned.sign(new TextEncoder().encode(signing.secret));
  return { token, record: { _id: jti, projectId, name, scope, createdAt, expiresAt } };
}

interface CreateOptions {
  readonly project: string;
  readonly scope: string;
  readonly name: string;
  readonly expires: number;
}

interface ListOptions {
  readonly project?: string;
  readonly json?: true;
}

const NINETY_DAYS_MS = 90 * 24 * 60 * 60_000;
/** What the API asks for; a token with any other scope would be refused everywhere. */
const SCOPES = ['public-api:read', 'public-api:write', 'operations', URGENT_SCOPE];

export function tokenCommand(context: CliContext): Command {
  const token = new Command('token').description('make, list and revoke access tokens');
  token
    .command('create')
    .description('print a new access token, signed with TOKEN_SECRET or the secret of DATA_DIR')
    .requiredOption('--project <id>', 'project that the token is for', parseProject)
    .requiredOption(
      '--scope <scopes>',
      'scopes with spaces between them, such as "public-api:read public-api:write"',
      parseScope,
    )
    .option('--name <name>', 'shown in lists', 'cli')
    .addOption(
      new Option('--expires <duration>', 'such as 12h or 90d').argParser(parseExpiry).default(NINETY_DAYS_MS, '90d'),
    )
    .action((options: CreateOptions) => create(options, context));
  token
    .command('list')
    .description('list the tokens that were made here, or revoked')
    .option('--project <id>', 'of this project only', parseProject)
    .option('--json', 'print JSON, one object a line')
    .action((options: ListOptions) => list(options, context));
  token
    .command('revoke')
    .description('revoke a token at once')
    .argument('<jti>', 'id of the token, as listed')
    .action((jti: string) => revoke(jti, context));
  return token;
}

async function create(
  { project, scope, name, expires }: CreateOptions,
  { env, print, complain }: CliContext,
): Promise<void> {
  await withStore(env, async (store, config) => {
    const secret = config.TOKEN_SECRET ?? (await readSecrets(config.DATA_DIR))?.tokenSecret;
    if (secret === undefined)
      throw new Error(`No secret to sign with: set TOKEN_SECRET, or run start on ${config.DATA_DIR} first`);
    const signing = { secret, issuer: config.TOKEN_ISSUER, audience: config.TOKEN_AUDIENCE };
    const { token, record } = await mintToken({ projectId: project, scope, name, expiresInMs: expires }, signing);
    // Recorded before it is shown: a token that cannot be listed must never be in use.
    await store.tokens.insert(record);
    complain(
      `Token ${record._id} for project ${project} with the scopes ${scope} is good until ${record.expiresAt.toISOString()}`,
    );
    print(token);
  });
}

async function list({ project, json }: ListOptions, { env, print, complain }: CliContext): Promise<void> {
  const tokens = await withStore(env, (store) => store.tokens.list(project));
  if (json === true) for (const token of tokens) print(JSON.stringify(token));
  else if (tokens.length === 0) complain('There are no tokens');
  else print(table(['ID', 'PROJECT', 'STATE', 'EXPIRES', 'NAME', 'SCOPES'], tokens.map(rowOf(new Date()))));
}

function rowOf(now: Date): (token: TokenRecord) => string[] {
  return ({ _id, projectId, name, scope, expiresAt, revokedAt }) => {
    const state = revokedAt === undefined ? (expiresAt < now ? 'expired' : 'good') : 'revoked';
    return [_id, projectId, state, expiresAt.toISOString(), name, scope];
  };
}

async function revoke(jti: string, { env, print, complain }: CliContext): Promise<void> {
  await withStore(env, async (store) => {
    const shown = escapeControls(jti);
    const isOurs = (await store.tokens.list()).some(({ _id }) => _id === jti);
    const isNew = await store.tokens.revoke(jti, new Date());
    if (!isOurs)
      complain(`${shown} is not in the list: right for a token minted elsewhere, else look for a typing error`);
    print(isNew ? `Revoked ${shown}` : `${shown} was revoked before`);
  });
}

function parseScope(text: string): string {
  const scopes = text.split(/\s+/).filter((part) => part !== '');
  if (scopes.length === 0) throw new InvalidArgumentError('It must name at least one scope.');
  const unknown = scopes.filter((scope) => !SCOPES.includes(scope));
  if (unknown.length > 0) throw new InvalidArgumentError(`${unknown.join(', ')}: the scopes are ${SCOPES.join(', ')}.`);
  return scopes.join(' ');
}

function parseExpiry(text: string): number {
  const parsed = Duration.safeParse(text);
  if (parsed.success && parsed.data >= 1000) return parsed.data;
  throw new InvalidArgumentError('It must be a duration of at least 1s, such as 12h or 90d.');
}

interface ProjectOption {
  readonly project: string;
}

export function webhookSecretCommand({ env, print }: CliContext): Command {
  const command = new Command('webhook-secret').description(
    'show or change what the webhooks of a project are signed with',
  );
  command
    .command('show')
    .description('print the secrets that are in force, newest first')
    .requiredOption('--project <id>', 'project', parseProject)
    .action(async ({ project }: ProjectOption) => {
      for (const secret of await withStore(env, (store) => store.projects.webhookSecrets(project))) print(secret);
    });
  command
    .command('rotate')
    .description('print a new secret; the one before it goes on signing beside it until the next rotation')
    .requiredOption('--project <id>', 'project', parseProject)
    .action(async ({ project }: ProjectOption) => {
      print(await withStore(env, (store) => store.projects.rotateWebhookSecret(project)));
    });
  return command;
}
