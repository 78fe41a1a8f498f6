import { describe, expect, it } from '@jest/globals';
import { assetExtension, assetUrl } from '../../../src/api/assets.js';

describe('assetExtension', () => {
  it.each([
    ['video/mp4', 'mp4'],
    ['video/quicktime', 'mov'],
    ['video/x-matroska', 'mkv'],
    ['video/matroska', 'mkv'],
    ['video/vnd.avi', 'avi'],
    ['video/x-msvideo', 'avi'],
    ['video/mpeg', 'mpg'],
    ['application/vnd.ms-asf', 'asf'],
    ['audio/mpeg', 'mp3'],
    ['audio/mp4', 'm4a'],
    ['image/jpeg', 'jpg'],
    ['image/svg+xml', 'svg'],
    ['image/avif', 'avif'],
    ['application/pdf', 'pdf'],
    ['Text/Plain; charset=utf-8', 'txt'],
    ['application/octet-stream', 'bin'],
    ['x-unknown/of-nobody', 'bin'],
    ['application/manifest+json', 'bin'],
    ['model/vnd.parasolid.transmit.text', 'bin'],
    ['application/vnd.nokia.n-gage.data', 'ngdat'],
    ['application/vnd.nokia.n-gage.symbian.install', 'bin'],
    ['', 'bin'],
    ['constructor', 'bin'],
  ])('of "%s" is %s', (mimeType, extension) => {
    expect(assetExtension(mimeType)).toBe(extension);
  });
});

describe('assetUrl', () => {
  it('joins the public address, the hash and the extension', () => {
    const sha256 = 'a'.repeat(64);
    expect(assetUrl('https://media.example.com/', sha256, 'video/quicktime')).toBe(
      `https://media.example.com/assets/${sha256}.mov`,
    );
  });
});
