import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, RequestFailed } from '../api/client.js';
import type { Media, Page } from '../api/types.js';
import { useLive } from '../live.js';
import { Chips, Empty, Failure, Search, Skeleton } from '../parts/basics.js';
import { Pager } from '../parts/pager.js';
import { Preview, typeName } from '../parts/preview.js';
import { href, parameter, setQuery } from '../router.js';
import { mayWrite } from '../session.js';
import { bytes, playingTime } from '../words/numbers.js';

const PAGE = 48;
const FRESH = { after: undefined, from: undefined };
/** Ids of media: the first 20 characters of lower-case base32 of a hash. */
const MEDIA_ID = /^[a-z2-7]{20}$/;

/** The library: pictures, playable video and sound, documents, by kind, type and what they lack. */
export function LibraryPlace() {
  const kind = parameter('kind') ?? '';
  const mimeType = parameter('type') ?? '';
  const missing = parameter('missing') ?? '';
  const system = parameter('system') ?? '';
  const sha256 = parameter('same') ?? '';
  const id = parameter('id') ?? '';
  const query = {
    kind,
    mimeType,
    missing,
    systemName: system,
    sha256,
    externalId: id,
    after: parameter('after'),
    limit: PAGE,
  };
  const live = useLive(
    JSON.stringify(query),
    async (signal): Promise<Page<Media>> => {
      const [page, named] = await Promise.all([
        api.library(query, signal),
        MEDIA_ID.test(id) ? mediaOf(id, signal) : [],
      ]);
      return { items: [...named, ...page.items], next: page.next };
    },
    () => null,
  );
  const page = live.data.value;
  useEffect(() => {
    document.title = 'Library';
  }, []);
  const isFiltered = [kind, mimeType, missing, system, sha256, id].some((value) => value !== '');
  const choose = (name: string) => (value: string) => {
    setQuery({ ...FRESH, [name]: value });
  };

  return (
    <>
      <div class="place-head">
        <h1>Library</h1>
      </div>
      <div class="filters">
        <Chips
          label="Kind"
          chosen={kind}
          chips={[
            { value: '', label: 'All' },
            { value: 'video', label: 'Videos' },
            { value: 'image', label: 'Images' },
            { value: 'file', label: 'Files' },
          ]}
          onChoose={choose('kind')}
        />
        <button
          type="button"
          class="chip"
          aria-pressed={missing === 'alt'}
          onClick={() => {
            setQuery({ ...FRESH, missing: missing === 'alt' ? '' : 'alt' });
          }}
        >
          Without alt text
        </button>
        {missing === '' || missing === 'alt' ? null : (
          <button
            type="button"
            class="chip"
            aria-pressed="true"
            onClick={() => {
              setQuery({ ...FRESH, missing: '' });
            }}
          >
            Without {missing}
          </button>
        )}
        {sha256 === '' ? null : (
          <button
            type="button"
            class="chip"
            aria-pressed="true"
            onClick={() => {
              setQuery({ ...FRESH, same: '' });
            }}
          >
            Same bytes ✕
          </button>
        )}
        <Search label="Id" placeholder="Id, exactly" value={id} onSearch={choose('id')} />
        <details class="more" open={mimeType !== '' || system !== ''}>
          <summary>More filters</summary>
          <div class="filters">
            <Search label="Type" placeholder="Type, as image/png" value={mimeType} onSearch={choose('type')} />
            <Search label="System" placeholder="System, exactly" value={system} onSearch={choose('system')} />
            <Search
              label="Missing field"
              placeholder="Field that is missing"
              value={missing}
              onSearch={choose('missing')}
            />
          </div>
        </details>
      </div>
      {live.error.value !== null && page === null ? <Failure error={live.error.value} what="library" /> : null}
      {page === null && live.error.value === null ? <Skeleton rows={6} /> : null}
      {page?.items.length === 0 ? <NoMedia isFiltered={isFiltered} /> : null}
      {page === null || page.items.length === 0 ? null : (
        <ul class="grid" aria-label="Media">
          {page.items.map((media) => (
            <Tile key={media.id} media={media} />
          ))}
        </ul>
      )}
      {page === null ? null : <Pager shown={page.items.length} next={page.next} size={PAGE} what="Pages of media" />}
    </>
  );
}

async function mediaOf(id: string, signal: AbortSignal): Promise<Media[]> {
  try {
    return [await api.media(id, signal)];
  } catch (error) {
    if (error instanceof RequestFailed && error.status === 404) return [];
    throw error;
  }
}

function NoMedia({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered)
    return (
      <Empty title="No media matches these filters">
        <a href={href('media')}>Show the whole library</a>
      </Empty>
    );
  return (
    <Empty title="The library is empty">
      {mayWrite.value ? (
        <a class="button primary" href={href('new')}>
          Bring in the first media
        </a>
      ) : (
        <p>Media appear here as imports bring them in.</p>
      )}
    </Empty>
  );
}

/** Between a tall telephone picture and a wide banner; what is beyond is cut, so that no tile is a line. */
const [NARROWEST, WIDEST] = [0.6, 2.4];
/** Of files that have no proportions: a sheet of paper on its side. */
const PLAIN_RATIO = 1.2;

function Tile({ media }: { readonly media: Media }) {
  const { asset, fileName, externalId, id } = media;
  const { width, height, durationSeconds } = asset;
  const learned = useSignal(PLAIN_RATIO);
  const ratio = width === undefined || height === undefined ? learned.value : width / height;
  const shown = Math.min(WIDEST, Math.max(NARROWEST, ratio));
  const facts = [
    typeName(asset.mimeType),
    bytes(asset.bytes),
    durationSeconds === undefined ? '' : playingTime(durationSeconds),
    width === undefined || height === undefined ? '' : `${width} × ${height}`,
  ].filter((fact) => fact !== '');
  const { metadata } = media;
  const title = typeof metadata['title'] === 'string' ? metadata['title'] : fileName;
  return (
    <li class="tile" style={{ flexGrow: shown, flexBasis: `${Math.round(shown * 176)}px` }}>
      <div class="tile-frame" style={{ aspectRatio: String(shown) }}>
        <Preview
          asset={asset}
          title={typeof metadata['alt'] === 'string' ? metadata['alt'] : title}
          isTile
          onSize={(w, h) => {
            if (w > 0 && h > 0) learned.value = w / h;
          }}
        />
      </div>
      <p class="tile-name">
        <a href={href(`media/${id}`)} title={externalId}>
          {title}
        </a>
      </p>
      <p class="tile-facts number">{facts.join(' · ')}</p>
    </li>
  );
}
