import { describe, expect, it } from '@jest/globals';
import { imageDimensions } from '../../../src/download/media-type/inspect.js';
import { sampleMedia, type SampleName } from '../../support/sample-media.js';

describe('imageDimensions', () => {
  it.each<[SampleName, number, number]>([
    ['picture.png', 640, 360],
    ['picture.jpg', 640, 360],
    ['picture.gif', 64, 48],
    ['picture.webp', 64, 48],
    ['picture.avif', 64, 48],
    ['picture.svg', 64, 48],
    ['picture.apng', 64, 48],
  ])('reads %s', (name, width, height) => {
    const { mimeType, body } = sampleMedia(name);
    expect(imageDimensions(mimeType, body)).toEqual({ width, height });
  });

  it.each([
    ['a video', 'video/mp4', sampleMedia('clip.mp4').body],
    ['an image cut short', 'image/jpeg', sampleMedia('picture.jpg').body.subarray(0, 20)],
    ['a drawing without a size', 'image/svg+xml', Buffer.from('<svg></svg>')],
    ['a drawing of no size', 'image/svg+xml', Buffer.from('<svg width="0" height="0"></svg>')],
    ['a drawing of infinite size', 'image/svg+xml', Buffer.from('<svg width="1e999" height="1e999"></svg>')],
  ])('leaves out the dimensions of %s', (_name, mimeType, bytes) => {
    expect(imageDimensions(mimeType, bytes)).toBeUndefined();
  });
});
