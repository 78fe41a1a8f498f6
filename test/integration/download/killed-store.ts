import type { BlobStore, BlobWriter } from '../../../src/blobs/blob-store.js';

export interface KilledStore {
  readonly blobs: BlobStore;
  /** Gives back what a killed process does not hold: open files. Whatever others made of the part meanwhile stands. */
  bury(): Promise<void>;
}

/** A store of a process that is killed as soon as its attempt fails: nothing is finished, cut off or tidied up. */
export function killedStore(blobs: BlobStore): KilledStore {
  const abandoned: BlobWriter[] = [];
  const killed = (writer: BlobWriter): BlobWriter => {
    const abandon = () => {
      abandoned.push(writer);
      return Promise.resolve();
    };
    return {
      get kept() {
        return writer.kept;
      },
      write: (chunk) => writer.write(chunk),
      commit: (sha256) => writer.commit(sha256),
      suspend: abandon,
      discard: abandon,
    };
  };
  return {
    blobs: {
      ...blobs,
      createWriter: async (hint, part) => killed(await blobs.createWriter(hint, part)),
      async findPart(key) {
        const part = await blobs.findPart(key);
        return part && { ...part, resume: async () => killed(await part.resume()) };
      },
    },
    async bury() {
      for (const writer of abandoned.splice(0)) await writer.discard();
    },
  };
}
