import ms from 'ms';
import { z } from 'zod';

const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

/** What was read, for the sentence about it; none of these values is secret. */
function was(text: unknown): string {
  return `was "${String(text).slice(0, 100)}"`;
}

/** A duration such as `500ms`, `10s`, `5m`, `2h`, `90d`; parsed to milliseconds. */
export const Duration = z.string().transform((text, context) => {
  const value = /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text) ? ms(text as ms.StringValue) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  context.addIssue({ code: 'custom', message: `must be a duration such as 500ms, 10s, 5m, 2h or 90d, ${was(text)}` });
  return z.NEVER;
});

/** At most 45 seconds: the activity around a delivery attempt ends after 60. */
export const WebhookDuration = Duration.refine((ms) => ms <= 45_000, 'must be at most 45s');

/** A size such as `16KiB`, `8MiB`, `50GiB`, optionally `/s`; parsed to bytes. */
export const Size = z.string().transform((text, context) => {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)(?:\/s)?$/.exec(text) ?? [];
  if (number !== undefined && unit !== undefined)
    return Math.round(Number(number) * SIZE_UNITS[unit as keyof typeof SIZE_UNITS]);
  context.addIssue({ code: 'custom', message: `must be a size such as 16KiB, 8MiB or 50GiB, ${was(text)}` });
  return z.NEVER;
});

/** `6000/60s`, that many requests in that time, or `off`; null when off. */
export const Rate = z.string().transform((text, context) => {
  if (text === 'off') return null;
  const [, points, window] = /^(\d+)\/(\d+(?:ms|s|m|h))$/.exec(text) ?? [];
  if (points !== undefined && window !== undefined && Number(points) > 0)
    return { points: Number(points), windowMs: ms(window as ms.StringValue) };
  context.addIssue({ code: 'custom', message: `must be a rate such as 6000/60s, or off, ${was(text)}` });
  return z.NEVER;
});

/** What Temporal takes as fairness weight; it would silently pull others to the nearest end. */
const WEIGHTS = { least: 0.001, most: 1000 } as const;

/** Shares of projects, `gold=4,free=0.5`; parsed to a map from project id to weight. Every entry that is wrong is named. */
export const ProjectWeights = z
  .string()
  .default('')
  .transform((text, context) => {
    const weights = new Map<string, number>();
    for (const entry of text.split(',').map((part) => part.trim())) {
      if (entry === '') continue;
      const [, project = '', number = ''] = /^([A-Za-z0-9_-]{1,64})\s*=\s*(\d+(?:\.\d+)?)$/.exec(entry) ?? [];
      const weight = Number(number);
      const problem = weightProblem(project, weight, weights);
      if (problem === null) weights.set(project, weight);
      else context.addIssue({ code: 'custom', message: `${entry}: ${problem}` });
    }
    return weights;
  });

function weightProblem(project: string, weight: number, known: ReadonlyMap<string, number>): string | null {
  if (project === '') return 'must be a project id and its weight, such as gold=4';
  if (weight < WEIGHTS.least || weight > WEIGHTS.most)
    return `must have a weight from ${WEIGHTS.least} to ${WEIGHTS.most}`;
  return known.has(project) ? 'must not name a project twice' : null;
}

/** A comma-separated list of durations. */
export const Durations = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(Duration).min(1));

/** A whole number from `least` to `most`; what it says of a wrong one quotes that. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  return z.string().transform((text, context) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const rule = Number.isNaN(value) ? 'must be a whole number' : `must be ${range}`;
    context.addIssue({ code: 'custom', message: `${rule}, ${was(text)}` });
    return z.NEVER;
  });
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return z.enum(words, { error: ({ input }) => `must be one of ${words.join(', ')}, ${was(input)}` });
}

/** `true` or `false`, and the other words for them that zod takes. */
export const Flag = z.stringbool({ error: ({ input }) => `must be true or false, ${was(input)}` });

export const Port = wholeNumber(1, 65_535);
export const Count = wholeNumber(1);
