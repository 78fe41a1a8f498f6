import { createCipheriv, createHash } from 'node:crypto';

/**
 * How a source treats a file. plain: strong ETag; dated: Last-Modified only; chunked: neither length nor validators; slow: takes
 * its time to answer; flaky: fails a few times first; large: strong ETag and ranges, at a limited speed; missing and login: can
 * never be imported.
 */
const BEHAVIOURS = ['plain', 'dated', 'chunked', 'slow', 'flaky', 'large', 'missing', 'login'] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];
export type SourceKind = 'file' | 'video';

/** A file that sources have in one version after another. The name says all that is to be known of it. */
export interface SourceFile {
  /** `plain-17`; also its external id. */
  readonly name: string;
  readonly kind: SourceKind;
  readonly behaviour: Behaviour;
}

export function sourceFile(kind: SourceKind, behaviour: Behaviour, index: number): SourceFile {
  return { name: `${behaviour}-${index}`, kind, behaviour };
}

/** The path of a file at its source and back again. */
export function pathOf({ kind, name }: SourceFile): string {
  return `/${kind}/${name}`;
}

export function fileAt(path: string): SourceFile | null {
  const [, kind, behaviour, index] = /^\/(file|video)\/([a-z]+)-(\d+)$/.exec(path) ?? [];
  if (kind === undefined || !BEHAVIOURS.includes(behaviour as Behaviour)) return null;
  return sourceFile(kind as SourceKind, behaviour as Behaviour, Number(index));
}

/** Whether a source can ever answer with a file that the service takes. */
export function canBeImported({ behaviour }: Pick<SourceFile, 'behaviour'>): boolean {
  return behaviour !== 'missing' && behaviour !== 'login';
}

export interface Contents {
  /** The bytes of a version of the file, the same whenever they are asked for. */
  body(file: SourceFile, version: number): Buffer;
  sha256(file: SourceFile, version: number): string;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** Beyond the 8 MiB at which a body is kept and continued. */
const SMALLEST_LARGE = 9 * MIB;
/** ftyp box of an MP4 (ISO/IEC 14496-12 section 4.3): enough for the check of the type. */
const MP4_HEAD = Buffer.from('000000206674797069736f6d0000020069736f6d69736f32617663316d703431', 'hex');

/** Content of 1–64 KiB a file, large ones up to `largestBytes`, all made from the seed. */
export function createContents(seed: number, largestBytes: number): Contents {
  const digests = new Map<string, string>();

  const body = (file: SourceFile, version: number): Buffer => {
    const digest = createHash('sha256')
      .update(`${seed} ${pathOf(file)} ${version}`)
      .digest();
    const fraction = digest.readUInt32BE(28) / 2 ** 32;
    const [least, most] = file.behaviour === 'large' ? [SMALLEST_LARGE, largestBytes] : [KIB, 64 * KIB];
    const bytes = Buffer.alloc(Math.floor(least + fraction * (most - least)));
    const stream = createCipheriv('aes-128-ctr', digest.subarray(0, 16), Buffer.alloc(16));
    const content = stream.update(bytes);
    const head = file.kind === 'video' ? MP4_HEAD : Buffer.from(`chaos ${file.name} ${version}\n`);
    head.copy(content);
    return content;
  };
  return {
    body,
    sha256(file, version) {
      const key = `${pathOf(file)} ${version}`;
      const known = digests.get(key) ?? createHash('sha256').update(body(file, version)).digest('hex');
      digests.set(key, known);
      return known;
    },
  };
}
