import type { Asset } from '../../../src/domain/media.js';
import { answers } from '../origin-server.js';
import { sampleMedia } from '../../support/sample-media.js';

/** A short video that plays. */
export const MP4 = sampleMedia('clip.mp4');

export const GOOD = answers.file(MP4.body, { type: 'video/mp4' });

/** What is stored of a whole, proven copy of it. */
export const GOOD_VIDEO: Partial<Asset> = {
  sha256: MP4.sha256,
  bytes: MP4.body.byteLength,
  mimeType: 'video/mp4',
  lengthVerified: true,
};
