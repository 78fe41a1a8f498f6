import { describe, expect, it } from '@jest/globals';
import { Outage, outageOf } from '../../../src/intake/outage.js';

const named = (name: string, cause?: unknown) => Object.assign(new Error('x', { cause }), { name });

describe('outageOf', () => {
  it('knows an outage by its name or its cause', () => {
    expect(outageOf(new Outage('temporal'))).toBe('temporal');
    expect(outageOf(named('MongoServerSelectionError'))).toBe('mongodb');
    expect(outageOf(new Error('x', { cause: named('MongoNetworkTimeoutError') }))).toBe('mongodb');
    expect(outageOf(Object.assign(named('MongoServerError'), { code: 10107 }))).toBe('mongodb');
  });

  it('does not take bugs and refusals for outages', () => {
    expect(outageOf(new TypeError('x'))).toBeNull();
    expect(outageOf(Object.assign(named('MongoServerError'), { code: 11000 }))).toBeNull();
    expect(outageOf('text')).toBeNull();
  });
});
