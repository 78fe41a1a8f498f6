import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { REASONS } from '../../../src/domain/errors.js';
import { notAllowed } from '../../../src/egress/addresses.js';
import { parseBlobStoreUrl } from '../../../src/blobs/open-blob-store.js';
import { createLogger } from '../../../src/telemetry/logger.js';

/** A log line with these fields. */
function logged(fields: Record<string, unknown>): string {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  createLogger('info', 'test', sink).error(fields, 'it failed');
  return text;
}

const secret = 'https://cdn.example.com/a?token=s3cret';

/** The error that this throws. */
function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('It threw nothing');
}

describe('an error in a log line', () => {
  it('keeps name, code and frames of a foreign error but no message, which may quote a client or a source', () => {
    const error = Object.assign(new TypeError(`cannot fetch ${secret}`), { code: 'ECONNRESET' });

    const line = logged({ err: error });

    expect(line).not.toContain('s3cret');
    expect(JSON.parse(line)).toMatchObject({ err: { type: 'TypeError', code: 'ECONNRESET' } });
    expect(line).toContain('logger.test');
  });

  it('treats causes alike', () => {
    const line = logged({ err: new Error('outer', { cause: new Error(secret) }) });

    expect(line).not.toContain('s3cret');
    expect(JSON.parse(line)).toMatchObject({ err: { cause: { type: 'Error' } } });
  });

  it('does not write what is thrown without being an error', () => {
    expect(logged({ err: secret })).not.toContain('s3cret');
  });

  it.each<[string, unknown, string]>([
    ['an error with a reason code', notAllowed('resolve'), REASONS.url_not_allowed.title],
    ['a plain error', thrownBy(() => parseBlobStoreUrl('s3:x', '/')), 'BLOB_STORE_URL must'],
  ])('keeps the message of %s of our own', (_name, error, message) => {
    const { err } = JSON.parse(logged({ err: error })) as { err: { message?: string } };

    expect(err.message).toContain(message);
  });

  it('keeps no message of the engine and of libraries that fail in our code', () => {
    const engine = thrownBy(() => JSON.parse(`{"a": "${secret}"`) as unknown);
    const library = thrownBy(() => new URL(`${secret} `, '::'));

    expect(logged({ err: engine }) + logged({ err: library })).not.toContain('s3cret');
  });

  it('does not take lines of a message for frames', () => {
    const line = logged({ err: new Error(`outer\n    at ${secret} (src/x.ts:1:1)`) });

    expect(line).not.toContain('s3cret');
  });
});

describe('a log line', () => {
  it('escapes C1 and bidirectional controls, and stays the same value', () => {
    const id = 'a\u009b31m\u202eb\u2066\u007f';

    const line = logged({ externalId: id });

    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(line.endsWith('\n')).toBe(true);
    expect(JSON.parse(line)).toMatchObject({ externalId: id, msg: 'it failed' });
  });
});
