import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { noteKey, PARTS, parseNote, PartIdentityFields } from '../blob-key.js';
import { targetIn, type S3Place, type S3Target } from './multipart.js';
import { errorCode } from '../storage-error.js';

const Note = z.object({
  ...PartIdentityFields,
  /** The last element of the key of the upload, a UUID: a note can never name a key elsewhere. */
  object: z.uuid(),
  /** Id of the multipart upload. The object itself is there instead when the upload was completed. */
  upload: z.string().min(1),
});

/** Where the bytes of the part are, not how many: the store knows that better. */
export type S3PartNote = z.infer<typeof Note>;

export interface S3PartNotes {
  read(key: string): Promise<S3PartNote | null>;
  write(note: S3PartNote): Promise<void>;
  /** Removes the note if it still tells of that object: it may have become the note of another attempt. */
  remove(key: string, object: string): Promise<void>;
}

/** Key of an upload for a body that is still arriving, and of the object that it becomes. */
export function partTarget(place: S3Place, object: string): S3Target {
  return targetIn(place, `${PARTS}/${object}`);
}

export function createS3PartNotes({ client, bucket, prefix }: S3Place): S3PartNotes {
  const objectOf = (key: string) => ({ Bucket: bucket, Key: prefix + noteKey(key) });

  async function read(key: string): Promise<S3PartNote | null> {
    try {
      const { Body } = await client.send(new GetObjectCommand(objectOf(key)));
      return parseNote(Note, (await Body?.transformToString()) ?? '', key);
    } catch (error) {
      if (errorCode(error) === 'NoSuchKey') return null;
      throw error;
    }
  }

  return {
    read,

    async write(note) {
      const text = { Body: JSON.stringify(note), ContentType: 'application/json' };
      await client.send(new PutObjectCommand({ ...objectOf(note.key), ...text }));
    },

    async remove(key, object) {
      if ((await read(key))?.object === object) await client.send(new DeleteObjectCommand(objectOf(key)));
    },
  };
}
