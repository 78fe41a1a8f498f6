import { useEffect } from 'preact/hooks';
import { api, RequestFailed } from '../api/client.js';
import type { FoundItem, Import, Media } from '../api/types.js';
import { useLive } from '../live.js';
import { Empty, Failure, Skeleton, Time } from '../parts/basics.js';
import { StateMark } from '../parts/marks.js';
import { NoThumb, Thumb } from '../parts/preview.js';
import { href, parameter } from '../router.js';
import { causeOf } from '../words/causes.js';
import { importMark, ITEM_MARKS, sizeOf } from '../words/states.js';

/** Import ids have 12 characters of lower-case base32, ids of media 20. */
const IMPORT_ID = /^[a-z2-7]{12}$/;
const MEDIA_ID = /^[a-z2-7]{20}$/;
const MOST = 50;

interface Found {
  readonly imports: readonly Import[];
  readonly media: readonly Media[];
  readonly items: readonly FoundItem[];
}

/** "Where is my file?": an id, an address or the id of an import or media, over everything. */
export function FindPlace() {
  const q = (parameter('q') ?? '').trim();
  useEffect(() => {
    document.title = `${q} · Find`;
  }, [q]);
  const live = useLive(
    q,
    (signal) => find(q, signal),
    () => null,
  );
  const found = live.data.value;
  if (q === '') return <Empty title="Nothing to look for">Type an id or an address into the field at the top.</Empty>;
  return (
    <>
      <div class="place-head">
        <h1 class="break">{q}</h1>
      </div>
      {live.error.value !== null && found === null ? <Failure error={live.error.value} what="result" /> : null}
      {found === null && live.error.value === null ? <Skeleton rows={4} /> : null}
      {found === null ? null : <Results found={found} />}
    </>
  );
}

async function find(q: string, signal: AbortSignal): Promise<Found> {
  if (q === '') return { imports: [], media: [], items: [] };
  const isUrl = /^https?:\/\//i.test(q);
  const by = isUrl ? { url: q } : { externalId: q };
  const [imports, media, listed, items] = await Promise.all([
    IMPORT_ID.test(q) ? oneOrNone(api.import(q, signal)) : [],
    MEDIA_ID.test(q) ? oneOrNone(api.media(q, signal)) : [],
    isUrl ? [] : api.library({ externalId: q, limit: MOST }, signal).then((page) => page.items),
    api.findItems({ ...by, limit: MOST }, signal).then((page) => page.items),
  ]);
  return { imports, media: [...media, ...listed], items };
}

async function oneOrNone<T>(asked: Promise<T>): Promise<T[]> {
  try {
    return [await asked];
  } catch (error) {
    if (error instanceof RequestFailed && error.status === 404) return [];
    throw error;
  }
}

function Results({ found: { imports, media, items } }: { readonly found: Found }) {
  if (imports.length + media.length + items.length === 0)
    return (
      <Empty title="Nothing has this id or address">
        <p>
          Ids and addresses are compared as a whole, as they were imported. Imports are kept for a limited time, media
          for good.
        </p>
      </Empty>
    );
  return (
    <>
      {imports.map((it) => (
        <section key={it.id}>
          <h2>Import</h2>
          <ul class="rows">
            <li class="row history-row">
              <StateMark mark={importMark(it)} />
              <a class="stretched" href={href(`imports/${it.id}`)}>
                {it.systemName}
              </a>
              <span class="dim">{sizeOf(it)}</span>
              <span class="dim">
                <Time at={it.createdAt} />
              </span>
            </li>
          </ul>
        </section>
      ))}
      {media.length === 0 ? null : (
        <section>
          <h2>In the library</h2>
          <ul class="rows">
            {media.map((each) => (
              <li key={each.id} class="row found-row">
                <Thumb url={each.asset.url} mimeType={each.asset.mimeType} />
                <a class="stretched" href={href(`media/${each.id}`)}>
                  {each.fileName}
                </a>
                <span class="dim">{each.systemName}</span>
                <span class="dim">
                  <Time at={each.updatedAt} />
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {items.length === 0 ? null : (
        <section>
          <h2>In imports, newest first</h2>
          <ul class="rows">
            {items.map((item) => (
              <li key={`${item.importId}/${item.seq}`} class="row item-row">
                {item.assetUrl === undefined || item.mimeType === undefined ? (
                  <NoThumb />
                ) : (
                  <Thumb url={item.assetUrl} mimeType={item.mimeType} />
                )}
                <StateMark mark={ITEM_MARKS[item.state]} />
                <span class="item-name">
                  <a class="stretched" href={href(`imports/${item.importId}/items/${item.seq}`)}>
                    {item.externalId}
                  </a>
                  <span class="dim item-told">{item.code === undefined ? '' : causeOf(item.code)}</span>
                </span>
                <span class="item-host dim">{item.host ?? ''}</span>
                <span class="item-size dim">{item.systemName}</span>
                <span class="item-time dim">
                  <Time at={item.updatedAt} />
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
