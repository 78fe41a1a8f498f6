import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createS3BlobStore } from '../../../src/blobs/s3/store.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';

const MIB = 1024 * 1024;

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Breaks the connection after the body. */
  readonly cut?: boolean;
}

export const error = (status: number, code: string): Answer => ({
  status,
  body: `<Error><Code>${code}</Code></Error>`,
});
export const xml = (body: string): Answer => ({ body: `<?xml version="1.0"?><Result>${body}</Result>` });

/** The name that S3 documents for a request. */
function operationOf(method: string, url: URL, isCopy: boolean): string {
  const has = (name: string): boolean => url.searchParams.has(name);
  if (has('uploads')) return method === 'GET' ? 'ListMultipartUploads' : 'CreateMultipartUpload';
  if (has('list-type')) return 'ListObjectsV2';
  if (has('uploadId') && method === 'POST') return 'CompleteMultipartUpload';
  if (has('uploadId') && method === 'DELETE') return 'AbortMultipartUpload';
  if (has('uploadId') && method === 'GET') return 'ListParts';
  if (has('uploadId')) return isCopy ? 'UploadPartCopy' : 'UploadPart';
  return { PUT: 'PutObject', GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' }[method] ?? method;
}

const USUAL: Readonly<Record<string, Answer>> = {
  CreateMultipartUpload: xml('<UploadId>u1</UploadId>'),
  UploadPart: { headers: { etag: '"part"' } },
  UploadPartCopy: xml('<ETag>"copy"</ETag>'),
  CompleteMultipartUpload: xml('<ETag>"whole"</ETag>'),
  HeadObject: { status: 404 },
  AbortMultipartUpload: { status: 204 },
  DeleteObject: { status: 204 },
};

/**
 * Runs a store against a server that answers as scripted: for answers that a healthy server gives only by rare chance. Each
 * list is used up in order, then the usual answer follows. Resolves with the operations and the `parts`/`sha256` place of each.
 */
export async function withAnswers(
  script: Readonly<Record<string, readonly Answer[]>>,
  use: (store: BlobStore) => Promise<void>,
): Promise<string[]> {
  const seen: string[] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const operation = operationOf(request.method ?? '', url, 'x-amz-copy-source' in request.headers);
    const condition = request.headers['if-none-match'] === '*' ? ' if absent' : '';
    seen.push(`${operation} ${url.pathname.split('/')[2] ?? ''}${condition}`);
    const count = counts.get(operation) ?? 0;
    counts.set(operation, count + 1);
    const answer = script[operation]?.[count] ?? USUAL[operation] ?? {};
    request.resume().once('end', () => {
      response.writeHead(answer.status ?? 200, answer.headers);
      if (answer.cut) response.write(answer.body, () => response.destroy());
      else response.end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store = createS3BlobStore({
    bucket: 'media',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'access', secretAccessKey: 'secret' },
    partBytes: 5 * MIB,
    copyPartBytes: 5 * MIB,
  });
  try {
    await use(store);
  } finally {
    await store.close();
    server.closeAllConnections();
    server.close();
  }
  return seen;
}
