import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config.js';
import { httpSettings } from '../../../src/process/configured.js';

const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits });
const good = rsa(2048);
const publicRsa = good.publicKey.export({ format: 'jwk' });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicEc = ec.publicKey.export({ format: 'jwk' });
const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const oct = { kty: 'oct', k: randomBytes(32).toString('base64url') };

describe('httpSettings', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'key-sets-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const withKeySet = async (content: string) => {
    const file = join(folder, 'keys.json');
    await writeFile(file, content);
    return httpSettings(loadConfig({ TOKEN_JWKS_FILE: file }));
  };

  it.each([
    ['RSA', [publicRsa]],
    ['EC', [publicEc]],
    ['Ed25519', [ed25519]],
    ['a key with its use, operations and algorithm', [{ ...publicEc, use: 'sig', key_ops: ['verify'], alg: 'ES256' }]],
    ['a usable key among others', [oct, { ...publicRsa, use: 'enc' }, publicEc]],
  ])('takes %s', async (_name, keys) => {
    expect((await withKeySet(JSON.stringify({ keys }))).tokens.keys).toEqual({ jwks: { keys } });
  });

  it.each([
    ['an empty set', { keys: [] }],
    ['what is no key set', {}],
    ['a list', []],
    ['null', null],
    ['keys that are none', { keys: [null, 'a', {}, { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }] }],
    ['secrets only, which would let everybody sign who may read it', { keys: [oct] }],
    [
      'private keys only',
      { keys: [ec.privateKey.export({ format: 'jwk' }), good.privateKey.export({ format: 'jwk' })] },
    ],
    [
      'keys for encryption only',
      {
        keys: [
          { ...publicRsa, use: 'enc' },
          { ...publicEc, key_ops: ['deriveKey'] },
        ],
      },
    ],
    ['an algorithm that is not taken', { keys: [{ ...publicRsa, alg: 'RSA-OAEP' }] }],
    ['an RSA key that is too short', { keys: [rsa(1024).publicKey.export({ format: 'jwk' })] }],
  ])('refuses %s, with which every token would be refused', async (_name, set) => {
    await expect(withKeySet(JSON.stringify(set))).rejects.toThrow(/has no public key that signs tokens/);
  });

  it('names the file that is not JSON', async () => {
    await expect(withKeySet('{')).rejects.toThrow(/keys\.json cannot be read as JSON/);
  });
});
