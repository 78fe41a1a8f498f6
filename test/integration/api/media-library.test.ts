import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mediaIdOf } from '../../../src/domain/ids.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import type { HttpClient } from '../../support/http-client.js';

interface Page {
  readonly items: readonly { readonly externalId: string; readonly sameBytesAs?: readonly string[] }[];
  readonly next: string | null;
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await aGateway();
});
afterAll(() => gateway.close());

/** Each test has a project of its own. */
let projects = 0;
async function aProject(): Promise<{ projectId: string; client: HttpClient }> {
  projects += 1;
  const projectId = `library-${projects}`;
  return { projectId, client: await gateway.clientOf({ projectId }) };
}

async function store(projectId: string, externalId: string, changes: Parameters<typeof aMediaWrite>[0] = {}) {
  // Before the first number that the project is given.
  await gateway.store.media.upsert(aMediaWrite({ projectId, externalId, importSeq: 0, ...changes }));
  return mediaIdOf(projectId, changes.systemName ?? 'cms', externalId);
}

const LIBRARY = '/api/v1/mediaLibrary';

describe('GET /api/:v/mediaLibrary/:id', () => {
  it('shows all that is known of a media, and nothing of how it is stored', async () => {
    const { projectId, client } = await aProject();
    const facts = {
      width: 360,
      height: 640,
      durationSeconds: 2.5,
      frameRate: 25,
      videoCodec: 'h264',
      audioCodec: 'aac',
    };
    const asset = anAsset('clip', { ...facts, probed: 1 });
    const id = await store(projectId, 'a', { asset, metadata: { alt: 'A dog', n: null } });
    const twin = await store(projectId, 'b', { asset });

    const { status, body } = await client.get(`${LIBRARY}/${id}`);

    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown;
    expect(status).toBe(200);
    expect(body).toEqual({
      ...{ id, projectId, kind: 'video', mediaType: 'video', systemName: 'cms', externalId: 'a' },
      ...{ fileName: 'clip.mp4', metadata: { alt: 'A dog', n: null }, importId: 'batch-1' },
      asset: {
        url: `https://assets.example.com/assets/${asset.sha256}.bin`,
        ...{ mimeType: 'video/mp4', bytes: 1_000, sha256: asset.sha256 },
        ...facts,
      },
      sameBytesAs: [twin],
      createdAt: time,
      updatedAt: time,
    });
  });

  it('answers 404 for a media of another project as for one that is unknown', async () => {
    const { projectId } = await aProject();
    const id = await store(projectId, 'a');
    const other = await aProject();

    const [foreign, unknown] = [
      await other.client.get(`${LIBRARY}/${id}`),
      await other.client.get(`${LIBRARY}/nothing`),
    ];

    expect([foreign.status, unknown.status]).toEqual([404, 404]);
    expect(foreign.body).toMatchObject({ error_details: { message: `Media does not exist (id: '${id}')` } });
  });

  it('may be read with a token that only reads, and not be deleted', async () => {
    const { projectId } = await aProject();
    const id = await store(projectId, 'a');
    const reader = await gateway.clientOf({ projectId, scope: 'public-api:read' });

    const read = await reader.get(`${LIBRARY}/${id}`);
    const listed = await reader.get(LIBRARY);
    const deleted = await reader.call('DELETE', `${LIBRARY}/${id}`, {
      headers: { authorization: `Bearer ${reader.token}` },
    });

    expect([read.status, listed.status, deleted.status]).toEqual([200, 200, 403]);
  });
});

describe('GET /api/:v/mediaLibrary', () => {
  it('goes through all media in pages, each with the address of the next', async () => {
    const { projectId, client } = await aProject();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await store(projectId, name);

    const seen: string[] = [];
    let path: string | undefined = `${LIBRARY}?limit=2&kind=video`;
    while (path !== undefined) {
      const { body, headers } = await client.get(path);
      const { items, next } = body as Page;
      seen.push(...items.map(({ externalId }) => externalId));
      const [, link] = /^<https:\/\/api\.example\.com([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '') ?? [];
      expect(link === undefined).toBe(next === null);
      path = link;
    }

    expect([...seen].sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('takes every filter of its query', async () => {
    const { projectId, client } = await aProject();
    const asset = anAsset('png', { mimeType: 'image/png', hasPosition: true });
    await store(projectId, 'wanted', { kind: 'image', asset, systemName: 'dam', fileName: 'Dog.png', metadata: {} });
    await store(projectId, 'other', { metadata: { alt: 'A cat' } });

    for (const query of [
      'systemName=dam',
      'externalId=wanted',
      'kind=image',
      'mimeType=Image/PNG',
      `sha256=${asset.sha256.toUpperCase()}`,
      'missing=alt',
      'hasPosition=true',
      'q=dog',
    ]) {
      const { body } = await client.get(`${LIBRARY}?${query}`);
      expect([query, (body as Page).items.map(({ externalId }) => externalId)]).toEqual([query, ['wanted']]);
    }
    const { body } = await client.get(`${LIBRARY}?hasPosition=false`);
    expect((body as Page).items.map(({ externalId }) => externalId)).toEqual(['other']);
  });

  it('names the others with the same bytes in each of its entries', async () => {
    const { projectId, client } = await aProject();
    const [a, b] = [await store(projectId, 'a'), await store(projectId, 'b')];
    await store(projectId, 'c', { content: 'c' });

    const { items } = (await client.get(LIBRARY)).body as Page;

    const same = new Map(items.map(({ externalId, sameBytesAs }) => [externalId, sameBytesAs]));
    expect(same).toEqual(
      new Map([
        ['a', [b]],
        ['b', [a]],
        ['c', undefined],
      ]),
    );
  });

  it.each([
    ['alt=x', { alt: 'Is not a parameter of this route' }],
    ['kind=audio', { kind: 'Must be one of video, file, image' }],
    ['kind=toString', { kind: 'Must be one of video, file, image' }],
    ['mimeType=png', { mimeType: 'Must be a type and subtype, such as image/png' }],
    ['sha256=abc', { sha256: 'Must be 64 hex digits' }],
    ['missing=a.b', { missing: 'Must be the name of a metadata field of the first level, without a dot' }],
    ['missing=$where', { missing: 'Must be the name of a metadata field of the first level, without a dot' }],
    ['hasPosition=yes', { hasPosition: 'Must be true or false' }],
    ['q=', { q: 'Must have 1 to 200 characters' }],
    ['after=zzz', { after: 'Must be the next of an earlier page' }],
    ['limit=0', { limit: 'Must be a whole number from 1 to 1000' }],
    ['kind=image&kind=video', { kind: 'Must be given once' }],
  ])('refuses %s', async (query, details) => {
    const { status, body } = await gateway.client.get(`${LIBRARY}?${query}`);

    expect(status).toBe(400);
    expect((body as { error_details: unknown }).error_details).toEqual(details);
  });
});

describe('DELETE /api/:v/mediaLibrary/:id', () => {
  const remove = (client: HttpClient, id: string, key?: string, body?: unknown) =>
    client.call('DELETE', `${LIBRARY}/${id}`, {
      headers: {
        authorization: `Bearer ${client.token}`,
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body,
    });

  it('removes the record for good, and writes down who did it and why', async () => {
    const { projectId, client } = await aProject();
    const id = await store(projectId, 'a');
    const keptId = await store(projectId, 'b');

    const { status, body } = await remove(client, id, undefined, { reason: 'Licence withdrawn' });

    expect([status, body]).toEqual([200, { id, deleted: true }]);
    expect((await client.get(`${LIBRARY}/${id}`)).status).toBe(404);
    expect((await client.get(`${LIBRARY}/${keptId}`)).body).not.toHaveProperty('sameBytesAs');
    expect((await remove(client, id)).status).toBe(404);
    const log = await gateway.store.actions.list(projectId, `media:${id}`);
    expect(log).toMatchObject([{ action: 'delete', reason: 'Licence withdrawn', by: { name: 'test' } }]);
  });

  it('answers a repetition with the same key as the first time', async () => {
    const { projectId, client } = await aProject();
    const id = await store(projectId, 'a');

    const first = await remove(client, id, 'once');
    const second = await remove(client, id, 'once');

    expect([second.status, second.body]).toEqual([first.status, first.body]);
    expect(await gateway.store.actions.list(projectId, `media:${id}`)).toHaveLength(1);
  });

  it('deletes nothing of another project, and leaves no trace of the attempt', async () => {
    const { projectId, client } = await aProject();
    const id = await store(projectId, 'a');
    const other = await aProject();

    expect((await remove(other.client, id, 'key')).status).toBe(404);
    expect((await client.get(`${LIBRARY}/${id}`)).status).toBe(200);
    expect(await gateway.store.actions.list(other.projectId, `media:${id}`)).toEqual([]);
  });

  it('keeps out imports that were accepted before it, and lets later ones create the media anew', async () => {
    const { projectId, client } = await aProject();
    const seq = () => gateway.store.batches.nextImportSeq(projectId);
    const id = await store(projectId, 'a', { importSeq: await seq() });
    const running = aMediaWrite({ projectId, externalId: 'a', importId: 'running', importSeq: await seq() });
    await remove(client, id);

    const late = await gateway.store.media.upsert(running);
    const later = await gateway.store.media.upsert({ ...running, importId: 'later', importSeq: await seq() });

    expect([late.result, later.result]).toEqual(['superseded', 'created']);
    expect((await client.get(`${LIBRARY}/${id}`)).body).toMatchObject({ importId: 'later' });
  });
});
