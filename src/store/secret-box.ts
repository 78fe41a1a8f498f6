import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** Seals JSON values that must not be readable in the database or in its backups. */
export interface SecretBox {
  /** @param place where the value is kept: it opens nowhere else */
  seal(value: unknown, place: string): string;
  /** The value; null when it was sealed with another key, for another place, or was changed. */
  open(sealed: string, place: string): unknown;
}

const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D section 8.2: 96 random bits serve 2^32 values of one key. */
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Tells the forms apart, also from those of later releases. */
const SEALED = 'a256gcm.';
const PLAIN = 'plain.';

/**
 * Creates the box of a key; AES-256-GCM from node:crypto, with a key that HKDF (RFC 5869) derives from the secret.
 * @param secret at least 32 bytes; without one values are kept as they are, and only the database protects them
 */
export function createSecretBox(secret: string | undefined): SecretBox {
  const key =
    secret === undefined ? null : Buffer.from(hkdfSync('sha256', secret, '', 'durable-import request headers', 32));

  return {
    seal: (value, place) => {
      const text = JSON.stringify(value);
      if (key === null) return `${PLAIN}${text}`;
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(CIPHER, key, iv).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `${SEALED}${sealed.toString('base64')}`;
    },
    open: (sealed, place) => {
      try {
        if (sealed.startsWith(PLAIN)) return JSON.parse(sealed.slice(PLAIN.length)) as unknown;
        if (key === null || !sealed.startsWith(SEALED)) return null;
        const bytes = Buffer.from(sealed.slice(SEALED.length), 'base64');
        const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
          .setAAD(Buffer.from(place))
          .setAuthTag(bytes.subarray(-TAG_BYTES));
        const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
        return JSON.parse(text.toString('utf8')) as unknown;
      } catch {
        return null;
      }
    },
  };
}
