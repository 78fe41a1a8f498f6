import { describe, expect, it } from '@jest/globals';
import { assetType } from '../../../src/api/assets.js';

describe('assetType', () => {
  it.each([
    ['mp4', 'video/mp4', true, 'mp4'],
    ['png', 'image/png', true, 'png'],
    ['pdf', 'application/pdf', true, 'pdf'],
    ['txt', 'text/plain; charset=utf-8', true, 'txt'],
    ['svg', 'image/svg+xml', false, 'svg'],
    ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', false, 'docx'],
    ['html', 'application/octet-stream', false, 'bin'],
    ['xhtml', 'application/octet-stream', false, 'bin'],
    ['js', 'application/octet-stream', false, 'bin'],
    ['xml', 'application/octet-stream', false, 'bin'],
    ['bin', 'application/octet-stream', false, 'bin'],
    ['nosuchext', 'application/octet-stream', false, 'bin'],
    ['chm', 'application/octet-stream', false, 'bin'],
    ['xhtm', 'application/octet-stream', false, 'bin'],
    ['hta', 'application/octet-stream', false, 'bin'],
    ['apk', 'application/octet-stream', false, 'bin'],
    ['mpkg', 'application/octet-stream', false, 'bin'],
    ['exe', 'application/octet-stream', false, 'bin'],
  ])('labels .%s', (extension, contentType, isInline, savedAs) => {
    expect(assetType(extension)).toEqual({ contentType, isInline, savedAs });
  });
});
