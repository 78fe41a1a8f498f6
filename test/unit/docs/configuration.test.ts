import { describe, expect, it } from '@jest/globals';
import ms from 'ms';
import { z } from 'zod';
import { ConfigSchema, Duration, Durations, Rate, Size, WebhookDuration } from '../../../src/config.js';
import { readRepoFile, section, tableRows } from './markdown.js';

const UNITS = ['GiB', 'MiB', 'KiB'] as const;
const BYTES = { GiB: 1024 ** 3, MiB: 1024 ** 2, KiB: 1024 };

function size(bytes: number): string {
  const unit = UNITS.find((name) => bytes % BYTES[name] === 0);
  return unit === undefined ? `${bytes}B` : `${bytes / BYTES[unit]}${unit}`;
}

/** A default as an operator would write it into the environment. */
function humanDefault(schema: z.ZodType): string {
  if (!(schema instanceof z.ZodDefault)) return '–';
  const value: unknown = schema.def.defaultValue;
  switch (schema.def.innerType) {
    case Duration:
    case WebhookDuration:
      return ms(value as number);
    case Durations:
      return (value as number[]).map((pause) => (pause === 0 ? '0s' : ms(pause))).join(',');
    case Size:
      return size(value as number);
    case Rate: {
      const { points, windowMs } = value as { points: number; windowMs: number };
      return `${points}/${windowMs / 1000}s`;
    }
    default:
      return value === '' ? '–' : String(value);
  }
}

describe('docs/configuration.md', () => {
  const documented = tableRows(section(readRepoFile('docs/configuration.md'), 'Variables'));

  it('has one row for every variable of ConfigSchema, with its default and its description', () => {
    const expected = Object.entries(ConfigSchema.shape).map(([name, schema]) => [
      name,
      humanDefault(schema),
      schema.description ?? '',
    ]);
    const byName = (a: string[], b: string[]) => String(a[0]).localeCompare(String(b[0]));
    expect([...documented].sort(byName)).toEqual(expected.sort(byName));
  });
});
