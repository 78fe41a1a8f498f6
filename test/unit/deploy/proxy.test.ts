import { describe, expect, it } from '@jest/globals';
import ms from 'ms';
import { loadConfig } from '../../../src/config.js';
import { HEADERS_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS, READER_MS } from '../../../src/api/server.js';
import { WAIT_MS } from '../../../src/api/bodies/request-bytes.js';
import { readRepoFile } from '../docs/markdown.js';

const text = readRepoFile('deploy/proxy/nginx.conf').replace(/#.*$/gm, '');
/** The words behind each occurrence of a directive. */
const all = (directive: string): string[][] =>
  [...text.matchAll(new RegExp(`^\\s*${directive}\\s+([^;{]+);`, 'gm'))].map(([, words = '']) =>
    words.trim().split(/\s+/),
  );
const one = (directive: string): string => {
  const [words, ...more] = all(directive);
  if (words?.[0] === undefined || more.length > 0) throw new Error(`nginx.conf must have ${directive} once`);
  return words[0];
};
const duration = (directive: string) => ms(one(directive) as ms.StringValue);
const limits = new Map(all('limit_conn').map(([zone = '', count]) => [zone, Number(count)]));

describe('deploy/proxy/nginx.conf', () => {
  it('ends slow heads, bodies and readers when the gateway does', () => {
    expect(duration('client_header_timeout')).toBe(HEADERS_TIMEOUT_MS);
    expect(duration('client_body_timeout')).toBe(WAIT_MS);
    expect(duration('send_timeout')).toBe(READER_MS);
    expect(duration('keepalive_timeout')).toBe(KEEP_ALIVE_TIMEOUT_MS);
  });

  it('lets through no more connections than one gateway takes, and no more than half of them from one address', () => {
    const { MAX_CONNECTIONS } = loadConfig({});
    expect(limits.get('all')).toBe(MAX_CONNECTIONS);
    expect(limits.get('address')).toBeLessThanOrEqual(MAX_CONNECTIONS / 2);
    const zones = all('limit_conn_zone').map(([, zone = '']) => /^zone=(\w+):/.exec(zone)?.[1]);
    expect(zones.sort()).toEqual([...limits.keys()].sort());
  });

  it('has connections and descriptors for both sides of all of them', () => {
    expect(Number(one('worker_connections'))).toBeGreaterThanOrEqual(2 * (limits.get('all') ?? Infinity));
    expect(Number(one('worker_rlimit_nofile'))).toBeGreaterThanOrEqual(2 * Number(one('worker_connections')));
  });

  it('tells who is refused when to come back, in the published form', () => {
    expect(one('limit_conn_status')).toBe('503');
    const [, status, body = ''] = /return (\d+) '(.*)';/.exec(text) ?? [];
    expect(status).toBe('503');
    expect(JSON.parse(body)).toEqual({
      status: 503,
      error: 'Service Unavailable',
      error_details: { message: expect.any(String) as unknown },
    });
    expect(all('add_header')).toContainEqual(['Retry-After', '5', 'always']);
  });

  it('writes nothing to disk and repeats no POST', () => {
    expect(one('proxy_request_buffering')).toBe('off');
    expect(one('proxy_max_temp_file_size')).toBe('0');
    expect(all('proxy_next_upstream')).toEqual([['error', 'timeout']]);
  });
});
