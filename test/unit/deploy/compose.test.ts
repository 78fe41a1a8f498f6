import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ConfigSchema } from '../../../src/config.js';
import { SEARCH_ATTRIBUTES } from '../../../src/temporal/names.js';
import { DYNAMIC_CONFIG } from '../../../src/local-stack/temporal-server.js';
import { readRepoFile, ROOT } from '../docs/markdown.js';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly unknown[] };
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly deploy?: { readonly resources: { readonly limits: { readonly memory: string } } };
}

const text = readRepoFile('docker-compose.yml');
const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };
const images = Object.values(services).map((service) => service.image);

/** What `${NAME:?message}` asks for. */
const required = [...new Set([...text.matchAll(/\$\{(\w+):\?/g)].map((match) => String(match[1])))];

/** `768M` or `2G`, as Compose counts. */
function mebibytes(size: string): number {
  const [, number = '', unit = ''] = /^(\d+)([MG])$/.exec(size) ?? [];
  return Number(number) * (unit === 'G' ? 1024 : 1);
}

describe('docker-compose.yml', () => {
  it.each(['gateway', 'worker'])('sets only variables on the %s that the service reads', (name) => {
    // Node's own beside ours.
    const known = [...Object.keys(ConfigSchema.shape), 'NODE_OPTIONS'];
    const unknown = Object.keys(services[name]?.environment ?? {}).filter((variable) => !known.includes(variable));
    expect(unknown).toEqual([]);
  });

  it('pins every image to a version', () => {
    const loose = images.filter(
      (image) => image !== 'durable-import:local' && !/:v?\d+\.\d+(\.\d+)?(-\w+)?$/.test(image),
    );
    expect(loose).toEqual([]);
  });

  it('publishes the API and the Temporal UI only, on the loopback address', () => {
    const published = Object.entries(services).filter(([, service]) => service.ports !== undefined);
    expect(published.map(([name]) => name)).toEqual(['proxy', 'temporal-ui']);
    for (const [, { ports }] of published) expect(ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
  });

  it('gives no container a capability or a way to one, but what two databases need to become their user', () => {
    for (const { cap_drop, security_opt } of Object.values(services))
      expect({ cap_drop, security_opt }).toEqual({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    const withCapabilities = Object.entries(services).filter(([, { cap_add }]) => cap_add !== undefined);
    expect(withCapabilities.map(([name]) => name)).toEqual(['postgresql', 'mongodb-1', 'mongodb-2', 'mongodb-3']);
    for (const [, { cap_add }] of withCapabilities)
      expect(cap_add).toEqual(['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID']);
  });

  it.each(['gateway', 'worker', 'proxy', 's3', 's3-bucket', 'mongodb-set'])(
    'lets the %s write to memory and volumes only',
    (name) => {
      expect(services[name]).toMatchObject({ read_only: true });
      expect(services[name]?.tmpfs?.[0]).toMatch(/^\/tmp:size=\d+m/);
    },
  );

  it.each(['gateway', 'worker'])('keeps the heap of the %s a quarter below the memory of its container', (name) => {
    const { environment, deploy } = services[name] ?? {};
    const heap = Number(/^--max-old-space-size=(\d+)$/.exec(environment?.['NODE_OPTIONS'] ?? '')?.[1]);
    expect(heap).toBeGreaterThan(256);
    expect(heap).toBeLessThanOrEqual(mebibytes(deploy?.resources.limits.memory ?? '') * 0.75);
  });

  it('gives the secret that signs tokens to the gateway alone', () => {
    const holders = Object.entries(services).filter(([, service]) => /TOKEN_SECRET/.test(JSON.stringify(service)));
    expect(holders.map(([name]) => name)).toEqual(['gateway']);
  });

  it('gives the root key of the blob store to the store and to what makes the key of the service', () => {
    const holders = Object.entries(services).filter(([, service]) => /S3_ROOT_/.test(JSON.stringify(service)));
    expect(holders.map(([name]) => name)).toEqual(['s3', 's3-bucket']);
    for (const name of ['gateway', 'worker'])
      expect(services[name]?.environment?.['AWS_ACCESS_KEY_ID']).toMatch(/^\$\{S3_ACCESS_KEY_ID:\?/);
  });

  it('gives no secret a default', () => {
    const secrets = [...text.matchAll(/\$\{(\w*(?:SECRET|PASSWORD|KEY)\w*)(:?[-?]?)/g)];
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter((match) => match[2] !== ':?').map((match) => match[1])).toEqual([]);
  });

  it('asks for nothing that .env.example does not name, without a value', () => {
    const lines = readRepoFile('.env.example').split('\n');
    expect(required.filter((name) => !lines.includes(`${name}=`))).toEqual([]);
  });

  it('gives every health check words of text, which a colon in YAML turns into something else', () => {
    const words = Object.values(services).flatMap((service) => service.healthcheck?.test ?? []);
    expect(words.filter((word) => typeof word !== 'string')).toEqual([]);
  });

  it('mounts only files that exist', () => {
    const mounts = Object.values(services).flatMap((service) => service.volumes ?? []);
    const files = mounts.filter((mount) => mount.startsWith('./')).map((mount) => String(mount.split(':')[0]));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(() => execFileSync('test', ['-e', file], { cwd: ROOT })).not.toThrow();
  });

  it('registers the search attributes that workflows are started with', () => {
    const script = readRepoFile('deploy/temporal/create-namespace.sh');
    const attributes = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name}:${type}`);
    expect(script).toContain(`for attribute in ${attributes.join(' ')}; do`);
  });
});

describe('deploy/temporal/dynamic-config.yaml', () => {
  it('sets what the development server is started with', () => {
    const deployed = parse(readRepoFile('deploy/temporal/dynamic-config.yaml')) as Record<string, { value: unknown }[]>;
    // A laptop's concern only.
    const notOurs = 'frontend.enableServerVersionCheck';
    const wanted = Object.entries(DYNAMIC_CONFIG).filter(([key]) => key !== notOurs);
    const set = Object.entries(deployed).map(([key, [first]]) => [key, first?.value]);
    expect(set).toEqual(expect.arrayContaining(wanted));
  });
});

/** The words that run Compose here, null where it is not installed. */
function composeCommand(): string[] | null {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return ['docker', 'compose'];
  } catch {
    return null;
  }
}

const compose = composeCommand();
// Not counted as skipped: the end of the output is to be two numbers, and the checks above stand without it.
if (compose === null) console.info('docker compose is not installed: docker-compose.yml is checked as YAML only');

/** Every variable that .env.example leaves empty, with a value. */
function filledIn(): Record<string, string> {
  const names = [...readRepoFile('.env.example').matchAll(/^(\w+)=$/gm)].map((match) => String(match[1]));
  return Object.fromEntries(names.map((name) => [name, '0123456789abcdef0123456789abcdef']));
}

function config(env: Record<string, string>): string {
  const [file = 'docker', ...words] = compose ?? [];
  const args = [...words, '--env-file', '/dev/null', 'config', '--quiet'];
  // Nothing else of the environment: a secret that happens to be exported would hide that .env lacks it.
  const { PATH = '', HOME = '', DOCKER_CONFIG = '' } = process.env;
  return execFileSync(file, args, {
    cwd: ROOT,
    env: { PATH, HOME, DOCKER_CONFIG, ...env },
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

if (compose !== null) {
  describe('docker compose config', () => {
    it('accepts the file when every variable of .env.example has a value', () => {
      expect(config(filledIn())).toBe('');
    });

    it.each(Object.keys(filledIn()))('refuses to start without %s', (name) => {
      expect(() => config({ ...filledIn(), [name]: '' })).toThrow(`set ${name} in .env`);
    });
  });
}
