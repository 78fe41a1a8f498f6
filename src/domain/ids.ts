import { createHash, randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lower-case base32 without padding (RFC 4648 section 6). */
function base32(bytes: Uint8Array): string {
  let out = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(buffer >>> bits) & 31] ?? '';
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits > 0) out += ALPHABET[(buffer << (5 - bits)) & 31] ?? '';
  return out;
}

/** A new import id: 12 random characters, 60 bits, so that it can neither be guessed nor collide. */
export function newBatchId(): string {
  return base32(randomBytes(8)).slice(0, 12);
}

/**
 * The id of the media that (project, systemName, externalId) names. Derived, so that every attempt of every batch names the
 * same document: the first 20 characters (100 bits) of base32 of SHA-256 over the JSON array of the three.
 */
export function mediaIdOf(projectId: string, systemName: string, externalId: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([projectId, systemName, externalId]))
    .digest();
  return base32(digest).slice(0, 20);
}

/** The id of a webhook message. Generation 1 is the end of the first run; the end of every retry is a new message. */
export function webhookIdOf(batchId: string, generation: number): string {
  return `msg_${batchId}_${generation}`;
}

/** The generation in an id that `webhookIdOf` has made. */
export function generationOf(webhookId: string): number {
  return Number(webhookId.slice(webhookId.lastIndexOf('_') + 1));
}
