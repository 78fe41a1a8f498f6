import { describe, expect, it } from '@jest/globals';
import { assetType } from '../../../src/http/asset-type.js';

describe('assetType', () => {
  it.each([
    ['mp4', 'video/mp4', true],
    ['png', 'image/png', true],
    ['pdf', 'application/pdf', true],
    ['txt', 'text/plain; charset=utf-8', true],
    ['svg', 'image/svg+xml', false],
    ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', false],
    ['html', 'application/octet-stream', false],
    ['xhtml', 'application/octet-stream', false],
    ['js', 'application/octet-stream', false],
    ['xml', 'application/octet-stream', false],
    ['bin', 'application/octet-stream', false],
    ['nosuchext', 'application/octet-stream', false],
  ])('labels .%s', (extension, contentType, isInline) => {
    expect(assetType(extension)).toEqual({ contentType, isInline });
  });
});
