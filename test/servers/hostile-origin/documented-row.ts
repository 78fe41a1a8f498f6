import { longestAttemptMs, longestOpenMs, type Limits } from './deadlines.js';
import type { Fault } from './fault.js';

const UNITS = [
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** Such as `2 h 15 min`, rounded up to the second. */
function shown(ms: number): string {
  let seconds = Math.ceil(ms / 1000);
  if (seconds === 0) return 'at once';
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    seconds -= count * size;
  }
  return parts.join(' ');
}

/** The cells that docs/errors.md has for a fault: source, outcome, code, attempts, longest attempt, longest time open. */
export function documentedRow(
  fault: Fault,
  limits: Limits,
  retry: { readonly initialMs: number; readonly maxMs: number },
): string[] {
  const { ends } = fault;
  const outcome =
    ends.state === 'success' && ends.asset.lengthVerified === false ? 'success, length unproven' : ends.state;
  return [
    fault.source,
    outcome,
    ends.state === 'failed' ? ends.code : '',
    String(ends.attempts),
    shown(longestAttemptMs(fault, limits)),
    shown(longestOpenMs(fault, limits, retry)),
  ];
}
