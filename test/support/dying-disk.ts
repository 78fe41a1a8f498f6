import fs from 'node:fs/promises';
import type { FsFiles } from '../../src/blobs/fs/files.js';

type Handle = Awaited<ReturnType<typeof fs.open>>;
type Call = (...args: unknown[]) => Promise<unknown>;
type Calls = Record<string, Call>;

export interface DyingDisk {
  readonly files: FsFiles;
  /** Calls that were made or asked for. */
  calls(): number;
  /** Resolves when the process has died. */
  readonly died: Promise<void>;
  /** Closes what the process has left open, as the system does. */
  close(): Promise<void>;
}

/** Writes are many and alike: dying at one is like dying before the next call of another kind. */
const OF_HANDLES = ['writeFile', 'datasync', 'truncate', 'close', 'stat', 'utimes'] as const;
const OF_FILES = ['link', 'rename', 'unlink', 'readFile', 'stat', 'utimes'] as const;

/** The disk of a process that dies at its call number `last + 1`: neither that call nor a later one is made, and none returns. */
export function aDyingDisk(last: number): DyingDisk {
  let calls = 0;
  let die: () => void = () => undefined;
  const died = new Promise<void>((resolve) => (die = resolve));
  const closings = new Map<Handle, () => Promise<void>>();
  const never = (): Promise<never> => new Promise(() => undefined);
  const alive =
    (call: Call): Call =>
    (...args) =>
      calls > last ? never() : call(...args);
  const counted =
    (call: Call): Call =>
    (...args) => {
      calls += 1;
      if (calls <= last) return call(...args);
      die();
      return never();
    };

  const files = { ...fs } as unknown as Calls;
  for (const name of OF_FILES) files[name] = counted(fs[name] as Call);
  files['open'] = counted(async (...args) => {
    const handle = await fs.open(...(args as Parameters<typeof fs.open>));
    const close = handle.close.bind(handle);
    closings.set(handle, close);
    const own = handle as unknown as Calls;
    for (const name of OF_HANDLES) own[name] = counted(handle[name].bind(handle) as Call);
    own['write'] = alive(handle.write.bind(handle) as Call);
    own['close'] = counted(async () => {
      closings.delete(handle);
      await close();
    });
    return handle;
  });

  return {
    files: files as unknown as FsFiles,
    calls: () => calls,
    died,
    close: async () => {
      await Promise.all([...closings.values()].map((close) => close()));
    },
  };
}
