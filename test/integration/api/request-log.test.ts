import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { eventually } from '../../support/eventually.js';
import { aGateway, aToken, type TestGateway } from '../../support/gateway.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

describe('the log of the gateway', () => {
  it('has one line for every answer, with its request id and route, and neither path nor query', async () => {
    const lines: Record<string, unknown>[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    });
    gateway = await aGateway({ replace: () => ({ logger: pino({ level: 'info' }, sink) }) });

    const authorization = `Bearer ${await aToken()}`;
    const answer = await fetch(`${gateway.origin}/api/v1/imports/abc?key=s3cret`, { headers: { authorization } });
    await fetch(`${gateway.origin}/healthz`);

    // It is written when the answer has gone out, which the client may see first.
    await eventually('a line', () => lines.some(({ msg }) => msg === 'answered'));
    const answered = lines.filter(({ msg }) => msg === 'answered');
    expect(answered).toEqual([
      expect.objectContaining({
        requestId: answer.headers.get('x-request-id'),
        method: 'GET',
        route: '/api/:v/imports/:id',
        status: 404,
        projectId: 'p1',
      }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });
});
