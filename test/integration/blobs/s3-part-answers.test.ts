import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { keptPart, listed, partOf, sha256Of } from '../../support/stored-blobs.js';
import { error, withAnswers, xml, type Answer } from './s3-scripted.js';

const MIB = 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;

const IDENTITY = partOf(Buffer.alloc(0), { key: 'item:1', total: 40 * MIB });
const OBJECT = randomUUID();
const NOTE: Answer = { body: JSON.stringify({ ...IDENTITY, object: OBJECT, upload: 'u1' }) };

const ago = (hours: number): string => new Date(Date.now() - hours * HOUR_MS).toISOString();
const part = (number: number, bytes: number, hours = 0): string =>
  `<Part><PartNumber>${number}</PartNumber><ETag>"e"</ETag><Size>${bytes}</Size>` +
  `<LastModified>${ago(hours)}</LastModified></Part>`;
const page = (parts: string, next?: number): Answer =>
  // Some stores send a marker with the last page too.
  xml(
    `${parts}<IsTruncated>${next !== undefined}</IsTruncated><NextPartNumberMarker>${next ?? 0}</NextPartNumberMarker>`,
  );
const upload = (key: string, hours: number): string =>
  `<Upload><Key>${key}</Key><UploadId>u-${hours}</UploadId><Initiated>${ago(hours)}</Initiated></Upload>`;

const NO_OBJECTS = { ListObjectsV2: [xml('<IsTruncated>false</IsTruncated>')] };

describe('parts of createS3BlobStore with rare answers', () => {
  it('adds up the parts of all pages as far as none is missing', async () => {
    const pages = [page(part(2, 6 * MIB) + part(1, 5 * MIB), 2), page(part(3, 7 * MIB) + part(5, 9 * MIB))];
    const seen = await withAnswers({ GetObject: [NOTE], ListParts: pages }, async (store) => {
      expect(await keptPart(store, 'item:1')).toMatchObject({ ...IDENTITY, kept: 18 * MIB });
    });
    expect(seen).toEqual(['GetObject parts', 'ListParts parts', 'ListParts parts']);
  });

  it.each([
    ['the first part is missing', page(part(2, 9 * MIB))],
    ['too little has arrived', page(part(1, 4 * MIB))],
    ['more has arrived than the body has', page(part(1, 41 * MIB))],
    ['neither upload nor object is there', error(404, 'NoSuchUpload')],
  ])('finds none when %s', async (_, answer) => {
    await withAnswers({ GetObject: [NOTE], ListParts: [answer] }, async (store) => {
      expect(await store.findPart('item:1')).toBeNull();
    });
  });

  it('looks for the object when the upload is gone', async () => {
    const script = {
      GetObject: [NOTE],
      ListParts: [error(404, 'NoSuchUpload')],
      HeadObject: [{ headers: { 'content-length': `${9 * MIB}` } }],
    };
    await withAnswers(script, async (store) => {
      expect(await keptPart(store, 'item:1')).toMatchObject({ kept: 9 * MIB });
    });
  });

  it('writes the note only when all kept bytes are in the new upload, and drops that when a copy fails', async () => {
    const script = {
      GetObject: [NOTE],
      ListParts: [page(part(1, 9 * MIB))],
      UploadPartCopy: [error(403, 'AccessDenied')],
    };
    const seen = await withAnswers(script, async (store) => {
      const found = await keptPart(store, 'item:1');
      await expect(found.resume()).rejects.toMatchObject({ message: 'The blob store refuses access' });
    });
    expect(seen.slice(2)).toEqual([
      'CompleteMultipartUpload parts',
      'CreateMultipartUpload parts',
      'UploadPartCopy parts',
      'AbortMultipartUpload parts',
    ]);
  });

  it('removes the old bytes only when the note tells of the new ones', async () => {
    const script = { GetObject: [NOTE], ListParts: [page(part(1, 9 * MIB))] };
    const seen = await withAnswers(script, async (store) => {
      const writer = await (await keptPart(store, 'item:1')).resume();
      expect(writer.kept).toBe(9 * MIB);
    });
    expect(seen.slice(4)).toEqual(['UploadPartCopy parts', 'PutObject parts', 'DeleteObject parts']);
  });

  it('refuses to take an upload for complete that another attempt completed with less', async () => {
    const script = {
      GetObject: [error(404, 'NoSuchKey'), error(404, 'NoSuchKey')],
      HeadObject: [{ status: 404 }, { headers: { 'content-length': `${5 * MIB}` } }],
      CompleteMultipartUpload: [error(404, 'NoSuchUpload')],
    };
    const seen = await withAnswers(script, async (store) => {
      const body = randomBytes(6 * MIB);
      const writer = await store.createWriter(body.length, IDENTITY);
      await writer.write(body);
      await expect(writer.commit(sha256Of(body))).rejects.toMatchObject({ code: 'storage_failed' });
      await writer.discard();
    });
    expect(seen.join()).not.toMatch(/UploadPartCopy|DeleteObject/);
  });

  it('sends no part before the note is there, and aborts when it cannot be written', async () => {
    const script = { GetObject: [error(404, 'NoSuchKey')], PutObject: [error(403, 'AccessDenied')] };
    const seen = await withAnswers(script, async (store) => {
      const writer = await store.createWriter(null, IDENTITY);
      await expect(writer.write(randomBytes(6 * MIB))).rejects.toMatchObject({ code: 'storage_failed' });
      await writer.suspend();
    });
    expect(seen.slice(0, 4)).toEqual([
      'GetObject parts',
      'CreateMultipartUpload parts',
      'PutObject parts',
      'AbortMultipartUpload parts',
    ]);
    expect(seen.join()).not.toContain('UploadPart ');
  });

  it('keeps the parts before one that was refused', async () => {
    const script = {
      GetObject: [error(404, 'NoSuchKey')],
      UploadPart: [{ headers: { etag: '"1"' } }, error(403, 'AccessDenied')],
    };
    const seen = await withAnswers(script, async (store) => {
      const writer = await store.createWriter(null, IDENTITY);
      await expect(writer.write(randomBytes(17 * MIB))).rejects.toMatchObject({ code: 'storage_failed' });
      await writer.suspend();
      expect(writer.kept).toBe(5 * MIB);
    });
    expect(seen.filter((line) => line.startsWith('UploadPart'))).toHaveLength(2);
    expect(seen.join()).not.toMatch(/AbortMultipartUpload|DeleteObject/);
  });

  it('takes the time of the newest part of an upload that looks old, of those on every page', async () => {
    const sha256 = sha256Of(Buffer.alloc(1));
    const [arriving, copying] = [`parts/${OBJECT}`, `sha256/${sha256.slice(0, 2)}/${sha256}`];
    const script = {
      ...NO_OBJECTS,
      ListMultipartUploads: [
        xml(
          `${upload(arriving, 0)}${upload('foreign/key', 50)}<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>`,
        ),
        xml(`${upload(arriving, 40)}${upload(copying, 30)}${upload(arriving, 20)}<IsTruncated>false</IsTruncated>`),
      ],
      ListParts: [page(part(1, 5 * MIB, 39) + part(2, 6 * MIB, 2)), page(''), error(404, 'NoSuchUpload')],
    };
    const seen = await withAnswers(script, async (store: BlobStore) => {
      const found = await listed(store.listParts());
      const hours = found.map(({ modifiedAt }) => Math.round((Date.now() - modifiedAt.getTime()) / HOUR_MS));
      expect(found.map(({ name }) => name)).toEqual([
        `upload:u-0:${arriving}`,
        `upload:u-40:${arriving}`,
        `upload:u-30:${copying}`,
      ]);
      expect(found.map(({ bytes }) => bytes)).toEqual([0, 11 * MIB, 0]);
      expect(hours).toEqual([0, 2, 30]);
    });
    expect(seen.filter((line) => line.startsWith('ListParts'))).toHaveLength(3);
  });
});
