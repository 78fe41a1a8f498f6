import { execFile } from 'node:child_process';
import { chmod, mkdir, rename, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A way to make a blob folder unusable for a while. */
export interface DiskTrouble {
  readonly name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface DiskTroubles {
  readonly troubles: readonly DiskTrouble[];
  /** Why one of them cannot be made on this machine. */
  readonly missing: readonly string[];
}

/** One page: a file system that is full from its first file on. */
const PAGE = 4_096;

/**
 * The troubles that this process may cause to the store in a folder of `makeBlobFolder`. A full and a read-only disk are file systems mounted over
 * the folder that bodies arrive in, which takes the right to mount (CAP_SYS_ADMIN); a read-only folder without it takes an owner
 * that permissions apply to, which root is not.
 */
export async function findDiskTroubles(blobs: string, mayMount = canMount): Promise<DiskTroubles> {
  const parts = join(blobs, 'parts');
  await mkdir(parts, { recursive: true });
  const troubles = [gone(blobs)];
  const refusal = await mayMount(parts);
  if (refusal === null) return { troubles: [full(parts), readOnly(parts), ...troubles], missing: [] };
  const missing = [`No full disk: ${refusal}`];
  if (process.getuid?.() === 0) missing.push(`No read-only folder: ${refusal}, and permissions do not apply to root`);
  else troubles.unshift(withoutPermission(parts));
  return { troubles, missing };
}

/** ENOSPC at the first byte of every body. */
function full(parts: string): DiskTrouble {
  return {
    name: 'disk full',
    async begin() {
      await mount(parts, `size=${PAGE}`);
      // Ballast: whatever is written besides has no room. A body that came first has taken it.
      await writeFile(join(parts, '.ballast'), Buffer.alloc(PAGE)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      });
    },
    end: () => unmount(parts),
  };
}

/** EROFS for every new body. */
function readOnly(parts: string): DiskTrouble {
  return { name: 'disk read-only', begin: () => mount(parts, 'ro'), end: () => unmount(parts) };
}

/** EACCES for every new body. */
function withoutPermission(parts: string): DiskTrouble {
  return { name: 'folder without permission', begin: () => chmod(parts, 0o500), end: () => chmod(parts, 0o700) };
}

/** ENOTDIR for everything: a volume that is not mounted, with something else in its place. */
function gone(blobs: string): DiskTrouble {
  const file = `${blobs}.file`;
  return {
    name: 'folder gone',
    async begin() {
      await writeFile(file, 'not a folder');
      await pointTo(blobs, file);
    },
    end: () => pointTo(blobs, diskOf(blobs)),
  };
}

/**
 * A folder for blobs that can be taken away: a link to one, because links are replaced at once. In a moment without a folder a
 * worker would make a new one and lose what it stores there.
 */
export async function makeBlobFolder(blobs: string): Promise<void> {
  await mkdir(diskOf(blobs));
  await pointTo(blobs, diskOf(blobs));
}

function diskOf(blobs: string): string {
  return `${blobs}.disk`;
}

async function pointTo(blobs: string, target: string): Promise<void> {
  const link = `${blobs}.link`;
  await symlink(target, link);
  await rename(link, blobs);
}

async function mount(folder: string, options: string): Promise<void> {
  await run('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]);
}

/** At once, also while files in it are open: they go with their last reader. */
async function unmount(folder: string): Promise<void> {
  await run('umount', ['--lazy', folder]);
}

/** Why nothing can be mounted over the folder, null when it can. */
async function canMount(beside: string): Promise<string | null> {
  if (process.platform !== 'linux') return 'only Linux has tmpfs';
  const probe = `${beside}-probe`;
  await mkdir(probe);
  try {
    await mount(probe, `size=${PAGE}`);
    await unmount(probe);
    return null;
  } catch {
    return 'this process may not mount a file system';
  } finally {
    await rmdir(probe);
  }
}
