import { describe, expect, it } from '@jest/globals';
import { createSecretBox } from '../../../src/store/secret-box.js';

const KEY = 'a key of the tests that has 32 bytes or more';
const HEADERS = { authorization: 'Bearer canary' };

describe('createSecretBox', () => {
  it('opens what it has sealed, and shows nothing of it', () => {
    const box = createSecretBox(KEY);
    const sealed = box.seal(HEADERS, 'batch:00000001');

    expect(sealed).not.toContain('canary');
    expect(Buffer.from(sealed, 'base64').toString()).not.toContain('canary');
    expect(createSecretBox(KEY).open(sealed, 'batch:00000001')).toEqual(HEADERS);
    expect(box.seal(HEADERS, 'batch:00000001')).not.toBe(sealed);
  });

  it('opens nothing for another item, with another key, without one, or what was changed', () => {
    const box = createSecretBox(KEY);
    const sealed = box.seal(HEADERS, 'batch:00000001');
    const changed = `${sealed.slice(0, -4)}${sealed.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;

    expect(box.open(sealed, 'batch:00000002')).toBeNull();
    expect(createSecretBox(`another ${KEY}`).open(sealed, 'batch:00000001')).toBeNull();
    expect(createSecretBox(undefined).open(sealed, 'batch:00000001')).toBeNull();
    expect(box.open(changed, 'batch:00000001')).toBeNull();
    expect(box.open('nonsense', 'batch:00000001')).toBeNull();
  });

  it('keeps values as they are without a key, which a box with one opens too', () => {
    const sealed = createSecretBox(undefined).seal(HEADERS, 'batch:00000001');

    expect(createSecretBox(undefined).open(sealed, 'batch:00000001')).toEqual(HEADERS);
    expect(createSecretBox(KEY).open(sealed, 'batch:00000001')).toEqual(HEADERS);
  });
});
