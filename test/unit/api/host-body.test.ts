import { describe, expect, it } from '@jest/globals';
import { hostBody } from '../../../src/api/hosts.js';
import type { HostCircuit, HostRecord } from '../../../src/domain/host.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const VIEW = { projectId: 'p', open: [{ host: 'cdn.example.com', count: 412, attempts: 0 }], limit: 16, now: NOW };
const WELL: HostRecord = { host: 'cdn.example.com', total: 3, held: { a: 3 }, wanting: {}, circuits: [] };
const circuit = (more: Partial<HostCircuit> = {}): HostCircuit => ({
  ...{ projectId: 'p', evidence: 'busy', code: 'rate_limited', failures: 6, urls: [], since: NOW, pauses: 1 },
  ...{ tries: [NOW], ...more },
});

describe('how a host is shown', () => {
  it('says how many items are open at a host that is well', () => {
    const open = [{ host: WELL.host, count: 1, attempts: 0 }];

    expect(hostBody(WELL, { ...VIEW, open })).toEqual({
      host: 'cdn.example.com',
      state: 'ok',
      failures: 0,
      waiting: 1,
      active: 3,
      limit: 16,
      message: '1 item open',
    });
  });

  it('tells of failures although nothing rests', () => {
    const open = [
      { host: WELL.host, count: 2, attempts: 0 },
      { host: WELL.host, code: 'http_5xx' as const, count: 60, attempts: 360 },
      { host: WELL.host, code: 'timeout' as const, count: 3, attempts: 3 },
    ];

    expect(hostBody(WELL, { ...VIEW, open })).toMatchObject({
      state: 'ok',
      code: 'http_5xx',
      failures: 363,
      open: [
        { code: 'http_5xx', count: 60 },
        { code: 'timeout', count: 3 },
      ],
      waiting: 65,
      message: '65 items open, 63 of them failed an attempt',
    });
  });

  it('says until when a circuit is open, to the second', () => {
    const openUntil = new Date('2026-11-24T12:02:01Z');

    expect(hostBody({ ...WELL, circuits: [circuit({ openUntil })] }, VIEW)).toMatchObject({
      state: 'cooling',
      coolingUntil: '2026-11-24T12:02:01.000Z',
      code: 'rate_limited',
      failures: 6,
      message: 'cooling until 12:02:01 UTC, 412 items open',
    });
  });

  it('shows nothing of the circuit of another project', () => {
    const openUntil = new Date('2026-11-24T12:02:01Z');

    expect(hostBody({ ...WELL, circuits: [circuit({ openUntil, projectId: 'other' })] }, VIEW)).toMatchObject({
      state: 'ok',
      failures: 0,
    });
  });

  it('says that a host is being tried when its pause is over', () => {
    expect(hostBody({ ...WELL, circuits: [circuit({ openUntil: NOW })] }, VIEW)).toMatchObject({
      state: 'probing',
      message: 'one item at a time is tried, 412 items open',
    });
  });
});
