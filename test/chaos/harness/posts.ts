import type { Random } from './random.js';
import { canBeImported, sourceFile, type Behaviour, type SourceFile, type SourceKind } from './source-files.js';
import type { Versions } from './versions.js';

/** An item as the client knows it: the version that its source had when it was posted, or a later one, has to be imported. */
export interface PostedItem {
  readonly file: SourceFile;
  readonly version: number;
  /** Another URL of the same file each time that it differs. */
  readonly revision: number;
}

/** What a client wants to import. */
export interface Post {
  /** In the context of the batch, so that the batch can be found even when its id was never answered. */
  readonly number: number;
  readonly kind: SourceKind;
  readonly items: readonly PostedItem[];
  /** With a key it is repeated until it is answered; without one it is tried once. */
  readonly key: string | null;
}

export interface PostMaker {
  /** The next batch: new files and some that were imported before, unchanged or changed. */
  next(size: number): Post;
  /** The same again as a batch of its own, with a key. */
  repeat(post: Post): Post;
}

/** Shares of the behaviours among new files; large ones are dealt out one by one. */
const MIX: readonly (readonly [Behaviour, number])[] = [
  ['plain', 60],
  ['dated', 10],
  ['chunked', 6],
  ['slow', 8],
  ['flaky', 10],
  ['missing', 4],
  ['login', 2],
];
const AGAIN = 0.35;
const CHANGED = 0.5;

export function createPostMaker(options: { random: Random; versions: Versions; largeEvery: number }): PostMaker {
  const { random, versions, largeEvery } = options;
  const bag = MIX.flatMap(([behaviour, share]) => Array.from({ length: share }, () => behaviour));
  const known: Record<SourceKind, { file: SourceFile; revision: number }[]> = { file: [], video: [] };
  let [number, made] = [0, 0];

  const newFile = (kind: SourceKind): PostedItem => {
    made += 1;
    const behaviour = made % largeEvery === 0 ? 'large' : random.pick(bag);
    // A page of HTML is a good file, but no video.
    const file = sourceFile(kind, behaviour === 'login' && kind === 'file' ? 'plain' : behaviour, made);
    if (canBeImported(file)) known[kind].push({ file, revision: 0 });
    return { file, version: versions.current(file), revision: 0 };
  };
  const again = (entry: { file: SourceFile; revision: number }): PostedItem => {
    if (random.chance(CHANGED)) {
      versions.change(entry.file);
      // Half of the changed files get a new URL, the others change in place.
      if (random.chance(0.5)) entry.revision += 1;
    }
    return { file: entry.file, version: versions.current(entry.file), revision: entry.revision };
  };

  return {
    next(size) {
      number += 1;
      const kind = random.chance(0.25) ? 'video' : 'file';
      const wished = Array.from({ length: size }, () => random.chance(AGAIN)).filter(Boolean).length;
      const old = random.shuffled(known[kind]).slice(0, wished).map(again);
      const fresh = Array.from({ length: size - old.length }, () => newFile(kind));
      const key = random.chance(0.6) ? `post-${number}` : null;
      return { number, kind, items: random.shuffled([...old, ...fresh]), key };
    },
    repeat(post) {
      number += 1;
      return { ...post, number, key: `post-${number}` };
    },
  };
}
