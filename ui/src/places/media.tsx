import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api/client.js';
import type { Asset, FoundItem, Media } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Copy, Failure, Skeleton, Time } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { StateMark } from '../parts/marks.js';
import { assetPath, Preview } from '../parts/preview.js';
import { go, href } from '../router.js';
import { mayWrite } from '../session.js';
import { bytes, counted, exactTime, playingTime } from '../words/numbers.js';
import { ITEM_MARKS } from '../words/states.js';
import { MetadataCard } from './item.js';

/** One media: the file in place, what is known of it, and each import that touched it. */
export function MediaPlace({ id }: { readonly id: string }) {
  const asks = useSignal(false);
  const live = useLive(
    id,
    (signal) => api.media(id, signal),
    () => null,
  );
  const media = live.data.value;
  useEffect(() => {
    document.title = media === null ? 'Media' : `${media.fileName} · Library`;
  }, [media]);
  if (media === null)
    return live.error.value === null ? <Skeleton rows={6} /> : <Failure error={live.error.value} what="media" />;
  return (
    <>
      <p class="trail">
        <a href={href('media')}>Library</a> <span aria-hidden="true">/</span> {media.externalId}
      </p>
      <div class="place-head">
        <h1>{media.fileName}</h1>
        {mayWrite.value ? (
          <div class="actions">
            <button type="button" onClick={() => (asks.value = true)}>
              Delete…
            </button>
          </div>
        ) : null}
      </div>
      <div class="with-side">
        <div class="main-column">
          <div class="stage">
            <Preview asset={media.asset} title={media.fileName} />
          </div>
          <History media={media} />
        </div>
        <aside class="side" aria-label="About this media">
          <AssetCard asset={media.asset} media={media} />
          {Object.keys(media.metadata).length === 0 ? null : <MetadataCard fields={Object.entries(media.metadata)} />}
        </aside>
      </div>
      {asks.value ? <DeleteDialog media={media} onClose={() => (asks.value = false)} /> : null}
    </>
  );
}

function AssetCard({ asset, media }: { readonly asset: Asset; readonly media: Media }) {
  const same = media.sameBytesAs ?? [];
  const { width, height, durationSeconds, videoCodec, audioCodec, frameRate } = asset;
  const facts: readonly (readonly [string, string | null])[] = [
    ['Type', asset.mimeType],
    ['Size', bytes(asset.bytes)],
    ['Displayed as', width === undefined || height === undefined ? null : `${width} × ${height}`],
    ['Duration', durationSeconds === undefined ? null : playingTime(durationSeconds)],
    ['Video', videoCodec ?? null],
    ['Sound', audioCodec ?? null],
    ['Frames', frameRate === undefined ? null : `${Number(frameRate.toFixed(2))} a second`],
    ['Media type', media.mediaType],
    ['System', media.systemName],
    ['Created', exactTime(Date.parse(media.createdAt))],
    ['Updated', exactTime(Date.parse(media.updatedAt))],
  ];
  return (
    <section class="card">
      <h2>About</h2>
      <dl class="facts">
        <dt>Address</dt>
        <dd>
          <Copy text={asset.url} what="address">
            {assetPath(asset.url).replace(/^.*\/assets\/(.{8}).*(\.\w+)$/, '/assets/$1…$2')}
          </Copy>
        </dd>
        <dt>Media id</dt>
        <dd>
          <Copy text={media.id} what="id of the media" />
        </dd>
        <dt>Id</dt>
        <dd>
          <Copy text={media.externalId} what="id" />
        </dd>
        {facts.map(([name, value]) =>
          value === null ? null : [<dt key={`${name}-name`}>{name}</dt>, <dd key={name}>{value}</dd>],
        )}
        <dt>SHA-256</dt>
        <dd>
          <Copy text={asset.sha256} what="hash">{`${asset.sha256.slice(0, 12)}…`}</Copy>
        </dd>
      </dl>
      {same.length === 0 ? null : (
        <p>
          <a href={href('media', { same: asset.sha256 })}>{counted(same.length, 'other media', 'other media')}</a> with
          the same bytes
        </p>
      )}
    </section>
  );
}

/** Each import that touched it, newest first. */
function History({ media }: { readonly media: Media }) {
  const live = useLive(
    media.id,
    (signal) => api.findItems({ externalId: media.externalId, systemName: media.systemName, limit: 20 }, signal),
    () => null,
  );
  const items: readonly FoundItem[] = live.data.value?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section aria-labelledby="history">
      <h2 id="history">Where it came from</h2>
      <ul class="rows">
        {items.map((item) => (
          <li key={`${item.importId}/${item.seq}`} class="row history-row">
            <StateMark mark={ITEM_MARKS[item.state]} />
            <span>
              <a class="stretched" href={href(`imports/${item.importId}/items/${item.seq}`)}>
                Import {item.importId}
              </a>
              {item.importId === media.importId ? <span class="dim"> wrote what is here now</span> : null}
            </span>
            <span class="dim">{item.host ?? ''}</span>
            <span class="dim">
              <Time at={item.updatedAt} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function DeleteDialog({ media, onClose }: { readonly media: Media; readonly onClose: () => void }) {
  const same = media.sameBytesAs?.length ?? 0;
  return (
    <Dialog
      title={`Delete ${media.fileName}?`}
      verb="Delete this media"
      isHarmful
      onClose={onClose}
      onConfirm={async (reason) => {
        await api.deleteMedia(media.id, reason);
        announcement.value = 'Deleted';
        go(href('media'));
      }}
    >
      <ul class="points">
        <li>The record goes at once, and cannot be brought back. Importing the same id again makes a new one.</li>
        <li>
          {same > 0
            ? `The file stays, because ${counted(same, 'other media', 'other media')} has the same bytes.`
            : 'The file is removed with the next collection. Until then its address may still answer.'}
        </li>
        <li>Pages that show it will have a gap.</li>
      </ul>
    </Dialog>
  );
}
