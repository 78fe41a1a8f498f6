import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildTemporalCli, findTemporalCli } from '../../../src/local-stack/find-temporal-cli.js';
import { findMongo, prepareEmulator } from '../../../src/local-stack/find-mongo.js';
import { archiveFor, TEMPORAL_CLI_ARCHIVES, TEMPORAL_CLI_VERSION } from '../../../src/local-stack/download.js';

let folder: string;
let bin: string;
const reported: string[] = [];
const report = (line: string): void => {
  reported.push(line);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-servers-'));
  bin = join(folder, 'bin');
  await mkdir(bin);
  reported.length = 0;
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function fakeProgram(file: string, script: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

function env(...path: string[]): NodeJS.ProcessEnv {
  return { PATH: [bin, ...path].join(delimiter), XDG_CACHE_HOME: folder, HOME: folder };
}

describe('findTemporalCli', () => {
  it('takes the one on PATH when it runs', async () => {
    const onPath = await fakeProgram(join(bin, 'temporal'), 'echo temporal version 1.8.2');
    expect(await findTemporalCli({ report, env: env() })).toBe(onPath);
    expect(reported).toEqual([]);
  });

  it('takes the cached one when that on PATH does not run, and says so', async () => {
    await fakeProgram(join(bin, 'temporal'), 'exit 1');
    const folderOfVersion = join(folder, 'durable-import', `temporal-cli-${TEMPORAL_CLI_VERSION}`);
    const cached = await fakeProgram(join(folderOfVersion, 'temporal'), 'exit 0');
    expect(await findTemporalCli({ report, env: env() })).toBe(cached);
    expect(reported).toEqual([expect.stringContaining('does not run')]);
  });
});

describe('archiveFor', () => {
  it.each<[NodeJS.Platform, string, string]>([
    ['linux', 'x64', 'linux_amd64.tar.gz'],
    ['linux', 'arm64', 'linux_arm64.tar.gz'],
    ['darwin', 'arm64', 'darwin_arm64.tar.gz'],
    ['win32', 'x64', 'windows_amd64.zip'],
  ])('knows the archive for %s on %s, of the pinned version, and its SHA-256', (platform, arch, name) => {
    const { url, sha256 } = archiveFor(platform, arch);

    expect(url).toContain(`/v${TEMPORAL_CLI_VERSION}/temporal_cli_${TEMPORAL_CLI_VERSION}_${name}`);
    expect(sha256).toBe(TEMPORAL_CLI_ARCHIVES[name]);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('takes nothing for a platform whose archive is not known', () => {
    expect(() => archiveFor('sunos', 'x64')).toThrow('No archive of the Temporal CLI is known for sunos on x64');
  });

  it('has a sum of its own for each archive', () => {
    const sums = Object.values(TEMPORAL_CLI_ARCHIVES);
    expect(new Set(sums).size).toBe(sums.length);
  });
});

describe('buildTemporalCli', () => {
  const target = (): { folder: string; executable: string } => {
    const cli = join(folder, 'temporal-cli');
    return { folder: cli, executable: join(cli, 'temporal') };
  };

  it('names Go, its version and the alternatives when there is no Go', async () => {
    await expect(buildTemporalCli({ ...target(), report, env: env() })).rejects.toThrow(
      /Go, which builds it, is not installed: install Go 1\.26\.4 or newer, install the Temporal CLI .*TEMPORAL_ADDRESS/,
    );
  });

  it('names both versions when Go is too old and cannot fetch a newer one', async () => {
    await fakeProgram(
      join(bin, 'go'),
      'if [ "$1" = version ]; then echo "go version go1.19.8 linux/amd64"; else exit 1; fi',
    );
    await expect(buildTemporalCli({ ...target(), report, env: env() })).rejects.toThrow(
      /the installed Go 1\.19\.8 is too old to build it: install Go 1\.26\.4 or newer/,
    );
  });

  it('shows the end of what Go said when the build fails', async () => {
    await fakeProgram(
      join(bin, 'go'),
      'case "$1" in version) echo "go version go1.26.4 linux/amd64";; env) echo go1.26.4;; *) echo "disk full" >&2; exit 1;; esac',
    );
    await expect(buildTemporalCli({ ...target(), report, env: env() })).rejects.toThrow(
      /TEMPORAL_ADDRESS.*:\ndisk full/,
    );
  });

  it('puts what Go built in the cache and reports how it went', async () => {
    await fakeProgram(
      join(bin, 'go'),
      'case "$1" in version) echo "go version go1.26.4 linux/amd64";; env) echo go1.26.4;; *) echo built > "$4";; esac',
    );
    const cli = target();
    await buildTemporalCli({ ...cli, report, env: env() });
    expect(reported).toEqual([
      expect.stringMatching(/^Building the Temporal CLI with Go/),
      expect.stringMatching(/done in \d+ s$/),
    ]);
    expect(await readFile(cli.executable, 'utf8')).toBe('built\n');
  });
});

describe('findMongo', () => {
  it('takes mongod on PATH when it is new enough', async () => {
    const onPath = await fakeProgram(join(bin, 'mongod'), 'echo "db version v8.0.4"');
    expect(await findMongo({ report, env: env() })).toEqual({
      kind: 'mongod',
      executable: onPath,
      description: 'mongod',
    });
  });
});

describe('prepareEmulator', () => {
  it('names Java, Maven and MONGODB_URL when there is no Java', async () => {
    await expect(prepareEmulator({ cache: folder, report, env: env() })).rejects.toThrow(
      /needs a Java development kit 17 or newer: install mongod, install such a Java and Maven, or set MONGODB_URL/,
    );
  });

  it('refuses a Java without a compiler', async () => {
    await fakeProgram(join(bin, 'java'), 'echo java.base@17.0.15');
    await expect(prepareEmulator({ cache: folder, report, env: env() })).rejects.toThrow('Java development kit 17');
  });

  it('names Maven and MONGODB_URL when there is no Maven', async () => {
    await fakeProgram(join(bin, 'java'), 'echo java.base@21.0.1; echo jdk.compiler@21.0.1');
    await expect(prepareEmulator({ cache: folder, report, env: env() })).rejects.toThrow(
      /Maven, which fetches its emulator, is not installed or failed: install mongod or Maven, or set MONGODB_URL/,
    );
  });
});
