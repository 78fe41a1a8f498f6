import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { safeError } from '../../../src/telemetry/logger.js';

/** What a log line of this error holds. */
function logged(error: unknown): string {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  pino({ serializers: { err: safeError } }, sink).error({ err: error }, 'it failed');
  return text;
}

describe('an error in a log line', () => {
  const secret = 'https://cdn.example.com/a?token=s3cret';

  it('keeps name, code and frames but no message, which may quote a client or a source', () => {
    const error = Object.assign(new TypeError(`cannot fetch ${secret}`), { code: 'ECONNRESET' });

    const line = logged(error);

    expect(line).not.toContain('s3cret');
    expect(JSON.parse(line)).toMatchObject({ err: { type: 'TypeError', code: 'ECONNRESET' } });
    expect(line).toContain('logger.test');
  });

  it('treats causes alike', () => {
    const line = logged(new Error('outer', { cause: new Error(secret) }));

    expect(line).not.toContain('s3cret');
    expect(JSON.parse(line)).toMatchObject({ err: { cause: { type: 'Error' } } });
  });

  it('does not write what is thrown without being an error', () => {
    expect(logged(secret)).not.toContain('s3cret');
  });
});
