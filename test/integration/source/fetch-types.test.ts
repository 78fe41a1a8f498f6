import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answers } from '../../support/origin-server.js';
import { allSampleMedia } from '../../support/sample-media.js';
import { type SourceRig, startSourceRig } from './source-rig.js';

describe('the source', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  it.each(allSampleMedia())('stores $name as $mimeType whatever the header says', async (sample) => {
    const url = rig.origin.route('/sample', answers.file(sample.body, { type: 'application/octet-stream' }));
    const { asset, contentType } = await rig.fetch(url, { kind: sample.kind });
    expect(asset).toMatchObject({ sha256: sample.sha256, bytes: sample.body.byteLength, mimeType: sample.mimeType });
    expect('width' in asset).toBe(sample.kind === 'image');
    expect(contentType).toBe('application/octet-stream');
  });
});
