import { INVARIANTS } from './checker/invariants.js';
import type { ChaosReport } from './run-chaos.js';

/** A run with thousands of items may break one invariant thousands of times in the same way. */
const SENTENCES = 20;
const MIB = 1024 * 1024;

/** What a run was and what it has shown, for people. */
export function describeReport(report: ChaosReport): string {
  const { seed, items, batches, tally, seconds, broken } = report;
  const acts = Object.entries(tally).sort(([left], [right]) => left.localeCompare(right));
  const failures = Object.entries(broken).flatMap(([name, sentences]) => [
    `NOT TRUE: ${name}`,
    ...sentences.slice(0, SENTENCES).map((sentence) => `  ${sentence}`),
    ...(sentences.length > SENTENCES ? [`  and ${sentences.length - SENTENCES} more`] : []),
  ]);
  const held = Object.keys(INVARIANTS).filter((name) => !(name in broken));
  return [
    `seed       ${seed}`,
    `items      ${items} in ${batches} batches`,
    `time       ${seconds} s`,
    `sources    ${report.requests} requests, ${(report.servedBytes / MIB).toFixed(1)} MiB, ${report.ranges} resumed, ${report.notModified} not modified`,
    ...acts.map(([name, count]) => `broken     ${name}: ${count}`),
    ...report.missing.map((reason) => `not done   ${reason}`),
    ...held.map((name) => `true       ${name}`),
    ...failures,
    ...(report.logs === null ? [] : [`logs       ${report.logs}`]),
    failures.length === 0
      ? 'Everything that has to be true is true'
      : `${Object.keys(broken).length} things are not as they have to be`,
  ].join('\n');
}
