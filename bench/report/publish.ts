import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replaceBlock } from './replace-block.js';

export interface Publication {
  /** `bench`, `latency`, …: the block of the README and part of the file name. */
  readonly name: string;
  /** Markdown. */
  readonly text: string;
  readonly result: unknown;
  /** Where the JSON goes; a file in the temporary folder when absent. */
  readonly json?: string | undefined;
  /** Replaces the block of bench/README.md. */
  readonly writeReadme?: boolean | undefined;
}

const README = fileURLToPath(new URL('../README.md', import.meta.url));

/** Prints the text to standard output, writes the JSON file and says where it is, and keeps the text in the README if asked to. */
export async function publish({ name, text, result, json, writeReadme }: Publication): Promise<void> {
  const file = json ?? join(tmpdir(), `durable-import-${name}-${new Date().toISOString().replaceAll(':', '')}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`${text}\n`);
  process.stderr.write(`All figures: ${file}\n`);
  if (writeReadme === true) await writeFile(README, replaceBlock(await readFile(README, 'utf8'), name, text));
}
