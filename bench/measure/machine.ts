import { readFile } from 'node:fs/promises';
import { arch, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../src/local-stack/tools.js';

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Of durable-import. */
  readonly version: string;
}

/** What the figures were measured on, without anything that names the machine. */
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
