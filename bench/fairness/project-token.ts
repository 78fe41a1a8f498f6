import { mintToken } from '../../src/cli/credentials.js';
import { readSecrets } from '../../src/local-stack/files.js';

const HOUR_MS = 3_600_000;

/** An access token of any project for the stack that runs on the folder, which signs with a secret of its own. */
export async function projectToken(dataDir: string, projectId: string): Promise<string> {
  const secret = process.env['TOKEN_SECRET'] ?? (await readSecrets(dataDir))?.tokenSecret;
  if (secret === undefined) throw new Error('The stack has made no secret for tokens');
  const wish = { projectId, scope: 'public-api:read public-api:write', name: 'bench', expiresInMs: HOUR_MS };
  return (await mintToken(wish, { secret })).token;
}
