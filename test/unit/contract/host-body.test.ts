import { describe, expect, it } from '@jest/globals';
import { hostBody } from '../../../src/contract/host-body.js';
import type { HostRecord } from '../../../src/contract/hosts.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const VIEW = { waiting: 412, limit: 16, now: NOW };
const WELL: HostRecord = { host: 'cdn.example.com', total: 3, held: { a: 3 }, wanting: {} };
const trouble = { code: 'rate_limited', failures: 2, since: NOW, pauses: 1, tries: [NOW] } as const;

describe('hostBody', () => {
  it('says how many items wait for a host that is well', () => {
    expect(hostBody(WELL, { ...VIEW, waiting: 1 })).toEqual({
      host: 'cdn.example.com',
      state: 'ok',
      failures: 0,
      waiting: 1,
      active: 3,
      limit: 16,
      message: '1 item waiting',
    });
  });

  it('says until when a host cools, in UTC and not too early', () => {
    const coolingUntil = new Date('2026-11-24T12:02:01Z');

    expect(hostBody({ ...WELL, trouble: { ...trouble, coolingUntil } }, VIEW)).toMatchObject({
      state: 'cooling',
      coolingUntil: '2026-11-24T12:02:01.000Z',
      code: 'rate_limited',
      failures: 2,
      message: 'cooling until 12:03, 412 items waiting',
    });
  });

  it('says that a host is being tried when its pause is over', () => {
    expect(hostBody({ ...WELL, trouble: { ...trouble, coolingUntil: NOW } }, VIEW)).toMatchObject({
      state: 'probing',
      message: 'one item at a time is tried, 412 items waiting',
    });
  });
});
