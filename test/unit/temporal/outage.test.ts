import { describe, expect, it } from '@jest/globals';
import { Outage, outageOf } from '../../../src/temporal/client.js';

const named = (name: string, cause?: unknown) => Object.assign(new Error('x', { cause }), { name });

describe('outageOf', () => {
  it('knows an outage by its name or its cause', () => {
    expect(outageOf(new Outage('temporal'))).toBe('temporal');
    expect(outageOf(named('MongoServerSelectionError'))).toBe('mongodb');
    expect(outageOf(new Error('x', { cause: named('MongoNetworkTimeoutError') }))).toBe('mongodb');
    expect(outageOf(Object.assign(named('MongoServerError'), { code: 10107 }))).toBe('mongodb');
  });

  it.each([6, 7, 43, 50, 64, 89, 91, 133, 134, 189, 262, 365, 9001, 10058, 10107, 11600, 11602, 13435, 13436])(
    'knows by code %d that a server cannot answer now, whether it refused a command or a bulk',
    (code) => {
      for (const name of ['MongoServerError', 'MongoBulkWriteError'])
        expect(outageOf(Object.assign(named(name), { code }))).toBe('mongodb');
    },
  );

  it('takes every write that was not made durable for an outage, whatever its code', () => {
    for (const code of [64, 79, 91, 100, undefined])
      expect(outageOf(Object.assign(named('MongoWriteConcernError'), { code }))).toBe('mongodb');
  });

  it.each(['RetryableWriteError', 'SystemOverloadedError'])('believes a server that labels its answer %s', (label) => {
    expect(outageOf(Object.assign(named('MongoServerError'), { code: 462, errorLabels: [label] }))).toBe('mongodb');
  });

  it('does not take bugs and refusals for outages', () => {
    expect(outageOf(new TypeError('x'))).toBeNull();
    expect(outageOf(Object.assign(named('MongoServerError'), { code: 11000 }))).toBeNull();
    expect(outageOf(Object.assign(named('MongoBulkWriteError'), { code: 13 }))).toBeNull();
    expect(outageOf(Object.assign(named('SomeError'), { code: 91 }))).toBeNull();
    expect(outageOf('text')).toBeNull();
  });
});
