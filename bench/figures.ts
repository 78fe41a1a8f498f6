import { readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { packageRoot } from '../src/local-stack/tools.js';

/* From measured values to what is printed: statistics, units, Markdown tables, and the page that keeps them. */

/**
 * The smallest of the values that at least the share `q` of them does not exceed (nearest rank), so that it is one that was
 * measured; NaN of nothing.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle value, of an even number the mean of both; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** How long the work takes, in seconds. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** Durations of one kind of request. */
export interface Timings {
  /** Milliseconds, in the order in which they were taken. */
  readonly ms: number[];
  /** Times the work and answers what it answers. */
  time<T>(work: () => Promise<T>): Promise<T>;
}

export function createTimings(): Timings {
  const ms: number[] = [];
  return {
    ms,
    async time(work) {
      const startedAt = performance.now();
      const answer = await work();
      ms.push(performance.now() - startedAt);
      return answer;
    },
  };
}

/** Number, p50, p95 and maximum, as cells of a table. */
export function timingCells(ms: readonly number[]): string[] {
  return [count(ms.length), ...[0.5, 0.95, 1].map((q) => round(quantile(ms, q), 1))];
}

const MIB = 1024 * 1024;

/** `16 KiB`, `1 MiB`, `5 GiB`. */
export function size(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${round(bytes / (1024 * MIB), 1)} GiB`;
  if (bytes >= MIB) return `${round(bytes / MIB, 1)} MiB`;
  return `${round(bytes / 1024, 1)} KiB`;
}

/** Whole MiB, for columns of memory. */
export function mib(bytes: number): string {
  return count(bytes / MIB);
}

/** A whole number with thousands separators; `–` for what was not measured. */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–';
}

/** At most so many digits after the point; `–` for what was not measured. */
export function round(value: number, digits: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(digits))) : '–';
}

/** A Markdown table with its columns aligned, as Prettier writes it: words to the left, all that is a number to the right. */
export function markdownTable(titles: readonly string[], content: readonly (readonly string[])[]): string {
  const escaped = (cells: readonly string[]): string[] => cells.map((cell) => cell.replaceAll('|', '\\|'));
  const head = escaped(titles);
  const rows = content.map(escaped);
  const isNumeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^(?:–|[-\d].*)?$/.test(row[column] ?? '')),
  );
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? '';
      return isNumeric[column] === true ? cell.padStart(width) : cell.padEnd(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, column) =>
    isNumeric[column] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/**
 * Puts `content` between `<!-- <name> -->` and `<!-- /<name> -->`, each on a line of its own.
 * @throws Error when the page does not have both
 */
export function replaceBlock(page: string, name: string, content: string): string {
  const begin = `<!-- ${name} -->\n`;
  const end = `\n<!-- /${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`The page has no block ${name}`);
  return `${page.slice(0, from + begin.length)}\n${content.trim()}\n${page.slice(to)}`;
}

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Of durable-import. */
  readonly version: string;
}

/** What the figures were measured on, without anything that identifies the machine. */
export async function describeMachine(): Promise<Machine> {
  const manifest = await readFile(join(packageRoot(), 'package.json'), 'utf8');
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${arch()}`,
    node: process.version,
    version: z.object({ version: z.string() }).parse(JSON.parse(manifest)).version,
  };
}

/** The line above a table: the date and the machine, then what else a reader has to know. */
export function measuredOn({ processors, processor }: Machine, ...more: readonly string[]): string {
  return [`${new Date().toISOString().slice(0, 10)}, ${processors} × ${processor}`, ...more].join('; ');
}

export interface Publication {
  /** `throughput`, `latency`, …: the block of the README and part of the file name. */
  readonly name: string;
  /** Markdown. */
  readonly text: string;
  readonly result: unknown;
  /** Where the JSON goes; a file in the temporary folder when absent. */
  readonly json?: string | undefined;
  /** Replaces the block of bench/README.md. */
  readonly writeReadme?: boolean | undefined;
}

/** The options of a benchmark whose results are published. */
export const PUBLICATION_OPTIONS = {
  json: { type: 'string' },
  'write-readme': { type: 'boolean', default: false },
} as const;

const README = fileURLToPath(new URL('README.md', import.meta.url));

/** Prints the text to standard output, writes the JSON file and prints its path; with `writeReadme` the README keeps the text. */
export async function publish({ name, text, result, json, writeReadme }: Publication): Promise<void> {
  const file = json ?? join(tmpdir(), `durable-import-${name}-${new Date().toISOString().replaceAll(':', '')}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`${text}\n`);
  process.stderr.write(`All figures: ${file}\n`);
  if (writeReadme === true) await writeFile(README, replaceBlock(await readFile(README, 'utf8'), name, text));
}
