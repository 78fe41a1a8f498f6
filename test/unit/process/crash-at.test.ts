import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import { loadConfig } from '../../../src/config.js';
import { CRASH_POINTS } from '../../../src/domain/crash-points.js';
import { createReach } from '../../../src/process/crash-hook.js';

describe('createReach', () => {
  it('dies at the point that it was given, and at no other', () => {
    const die = jest.fn();
    const reach = createReach('before_webhook', die);

    for (const point of CRASH_POINTS) if (point !== 'before_webhook') reach(point);
    expect(die).not.toHaveBeenCalled();
    reach('before_webhook');

    expect(die).toHaveBeenCalledTimes(1);
  });

  it('counts the passings of its own point and dies at the n-th', () => {
    const die = jest.fn();
    const reach = createReach('before_webhook:3', die);

    reach('before_webhook');
    reach('after_webhook_before_log');
    reach('before_webhook');
    expect(die).not.toHaveBeenCalled();
    reach('before_webhook');

    expect(die).toHaveBeenCalledTimes(1);
  });

  it('does nothing anywhere without the variable', () => {
    const die = jest.fn();
    const reach = createReach(undefined, die);

    for (const point of CRASH_POINTS) reach(point);

    expect(die).not.toHaveBeenCalled();
  });

  it('refuses a point that does not exist, and names the variable and those that do', () => {
    expect(() => createReach('after_lunch')).toThrow(
      /^CRASH_AT: after_lunch is not a crash point; there are after_claim_before_batch, /,
    );
  });
});

describe('CRASH_AT', () => {
  it.each(['before_webhook:0', 'before_webhook:x', 'before_webhook:', 'Before Webhook', '../x'])(
    'is not %s',
    (text) => {
      expect(() => loadConfig({ CRASH_AT: text })).toThrow('CRASH_AT: must be a crash point');
    },
  );

  it('is refused in production', () => {
    const load = () => loadConfig({ NODE_ENV: 'production', CRASH_AT: 'before_webhook' });

    expect(load).toThrow(/CRASH_AT: .*production/);
    expect(() => loadConfig({ NODE_ENV: 'production' })).not.toThrow();
    expect(loadConfig({ CRASH_AT: 'before_webhook' })).toMatchObject({ CRASH_AT: 'before_webhook' });
  });
});

describe('the crash points', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const rows = [...read('../../../docs/crash-points.md').matchAll(/^\| `(\w+)` +\|/gm)].map(([, point]) => point);

  it('have a row each in docs/crash-points.md, in the order in which they are passed', () => {
    expect(rows).toEqual(CRASH_POINTS);
  });

  it('have a story each of a process that dies there', () => {
    const stories = readdirSync(new URL('../../e2e/crash-points/', import.meta.url))
      .map((file) => read(`../../e2e/crash-points/${file}`))
      .join('\n');

    expect(CRASH_POINTS.filter((point) => !stories.includes(`'${point}`))).toEqual([]);
  });
});
