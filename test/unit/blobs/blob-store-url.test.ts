import { describe, expect, it } from '@jest/globals';
import { parseBlobStoreUrl, openBlobStore } from '../../../src/blobs/open-blob-store.js';

describe('parseBlobStoreUrl', () => {
  it.each([
    ['file:.data/blobs', '/srv/app/.data/blobs'],
    ['file:./blobs', '/srv/app/blobs'],
    ['file:../blobs', '/srv/blobs'],
    ['file:/var/blobs', '/var/blobs'],
    ['file:/var/100%/blobs', '/var/100%/blobs'],
    ['file:///var/lib/blobs', '/var/lib/blobs'],
    ['file:///var/my%20blobs', '/var/my blobs'],
    ['file://localhost/var/blobs', '/var/blobs'],
  ])('reads %s as the folder %s', (url, root) => {
    expect(parseBlobStoreUrl(url, '/srv/app')).toEqual({ scheme: 'file', root });
  });

  it.each([
    ['s3://media', { bucket: 'media' }],
    ['s3://media/', { bucket: 'media' }],
    [
      's3://media/imports/2026/?region=eu-central-1',
      { bucket: 'media', prefix: 'imports/2026', region: 'eu-central-1' },
    ],
    [
      's3://media/a?endpoint=http://store:7070&forcePathStyle=true',
      { bucket: 'media', prefix: 'a', endpoint: 'http://store:7070', region: 'us-east-1', forcePathStyle: true },
    ],
    [
      's3://media?endpoint=https%3A%2F%2Fs3.example.com%2F&region=local&forcePathStyle=false',
      { bucket: 'media', endpoint: 'https://s3.example.com', region: 'local', forcePathStyle: false },
    ],
  ])('reads %s', (url, s3) => {
    expect(parseBlobStoreUrl(url, '/srv/app')).toEqual({ scheme: 's3', s3 });
  });

  it.each([
    ['', 'must start with file: or s3:'],
    ['/var/blobs', 'must start with file: or s3:'],
    ['https://bucket.s3.amazonaws.com', 'must start with file: or s3:'],
    ['file:', 'must name a folder of this machine'],
    ['file://other-host/blobs', 'must name a folder of this machine'],
    ['file:///var/%zz', 'must name a folder of this machine'],
    ['s3:', 'must name a bucket'],
    ['s3://', 'must name a bucket'],
    ['s3:///prefix', 'must name a bucket'],
    ['s3://My_Bucket', 'must name a bucket'],
    ['s3://media:9000/prefix', 'must name a bucket'],
    ['s3://media:port', 'must look like s3://bucket/prefix'],
    ['s3://AKIA:secret@media', 'must hold no credentials'],
    ['s3://media/a%20b', 'in the prefix'],
    ['s3://media/a//b', 'in the prefix'],
    ['s3://media?accessKeyId=AKIA', 'may have the parameters endpoint, region, forcePathStyle only'],
    ['s3://media?endpoint=store:7070', 'must give endpoint as an http(s) origin'],
    ['s3://media?endpoint=http://u:p@store', 'must give endpoint as an http(s) origin'],
    ['s3://media?endpoint=http://store/path', 'must give endpoint as an http(s) origin'],
    ['s3://media?forcePathStyle=yes', 'must give forcePathStyle as true or false'],
  ])('refuses "%s" with the rule that it breaks, and does not repeat it', (url, rule) => {
    const open = (): unknown => openBlobStore(url);
    expect(open).toThrow(/^BLOB_STORE_URL /);
    expect(open).toThrow(rule);
    expect(open).not.toThrow(/AKIA|secret|store:7070/);
  });
});
