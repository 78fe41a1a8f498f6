import type { Store } from '../../src/store/store.js';
import type { Asset } from '../../src/domain/media.js';

/** The example request of the published page on videos. */
export const PUBLISHED_VIDEO_REQUEST = {
  systemName: 'identifier-for-your-system',
  webhook: 'https://my-domain.com/webhooks/video-import',
  context: { myIdentifier: 'some-identifier-sent-to-the-webhook' },
  videos: [
    {
      url: 'https://www.learningcontainer.com/wp-content/uploads/2020/05/sample-mp4-file.mp4',
      id: '123abc',
      fileName: 'foo',
      metadata: { title: 'sample video', credit: 'LC' },
    },
  ],
};

/** The example request of the published page on files. */
export const PUBLISHED_FILE_REQUEST = {
  systemName: 'identifier-for-your-system',
  webhook: 'https://my-domain.com/webhooks/file-import',
  context: { myIdentifier: 'some-identifier-sent-to-the-webhook' },
  files: [
    {
      url: 'https://example.com/documents/annual-report-2023.pdf',
      id: 'file-123abc',
      fileName: 'Annual Report 2023',
      metadata: { title: 'Annual Report 2023', description: 'Financial report for fiscal year 2023' },
    },
  ],
};

/** One valid item with the given id. */
export function anItem(id: string, changes: Record<string, unknown> = {}) {
  return { url: `https://cdn.example.com/${id}.bin`, id, fileName: id, metadata: {}, ...changes };
}

export const SHA = 'ab'.repeat(32);

/** Settles three items of a batch as imported, skipped and failed, and ends the batch. */
export async function settleThree(
  store: Store,
  batchId: string,
  mimeType: string,
  size?: { width: number; height: number },
) {
  const asset: Asset = { sha256: SHA, bytes: 10, mimeType, lengthVerified: true, ...size };
  await store.items.settle({ batchId, seq: 0, state: 'success', mediaId: 'jjiwhsf23kdk', action: 'created', asset });
  await store.items.settle({
    batchId,
    seq: 1,
    state: 'skipped',
    code: 'already_exists',
    reason: 'already exists',
    mediaId: 'jjiwhsf23wer',
    action: 'unchanged',
    asset,
  });
  await store.items.settle({ batchId, seq: 2, state: 'failed', code: 'http_404', reason: 'The source answered 404' });
  await finish(store, batchId, 'success');
}

/** Ends a batch of project p1. */
export async function finish(store: Store, batchId: string, state: 'success' | 'failed') {
  const counts = { success: 1, skipped: 1, failed: 1 };
  await store.batches.finish('p1', batchId, { state, counts, bytes: 20, at: new Date() });
}
