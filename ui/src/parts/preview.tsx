import { useSignal } from '@preact/signals';
import type { Asset } from '../api/types.js';
import { playingTime } from '../words/numbers.js';
import { Icon, type IconName } from './marks.js';

/** The address of a stored file on this service; whatever name clients see it under, the page may load it from here alone. */
export function assetPath(url: string): string {
  const path = /\/assets\/[0-9a-f]{64}\.[a-z0-9]{1,10}$/.exec(url)?.[0];
  return path ?? url;
}

function family(mimeType: string): 'image' | 'video' | 'audio' | 'file' {
  const [type] = mimeType.split('/');
  return type === 'image' || type === 'video' || type === 'audio' ? type : 'file';
}

const FAMILY_ICONS: Readonly<Record<ReturnType<typeof family>, IconName>> = {
  image: 'picture',
  video: 'play',
  audio: 'sound',
  file: 'file',
};

/** `PDF`, `MP4`: what people call a type. */
export function typeName(mimeType: string): string {
  const [, subtype = mimeType] = (mimeType.split(';', 1)[0] ?? '').split('/');
  const short =
    subtype
      .replace(/^(?:x-|vnd\.)+/, '')
      .split(/[.+]/)
      .at(-1) ?? subtype;
  return (
    { quicktime: 'MOV', jpeg: 'JPEG', plain: 'Text', 'octet-stream': 'File', xml: 'SVG' }[short] ?? short.toUpperCase()
  ).slice(0, 12);
}

/** A small picture of a stored file, or the sign of its family. */
export function Thumb({
  url,
  mimeType,
  alt = '',
}: {
  readonly url: string;
  readonly mimeType: string;
  readonly alt?: string;
}) {
  const isBroken = useSignal(false);
  const kind = family(mimeType);
  if (kind === 'image' && !isBroken.value)
    return <img class="thumb" src={assetPath(url)} alt={alt} loading="lazy" onError={() => (isBroken.value = true)} />;
  if (kind === 'video' && !isBroken.value)
    return (
      <video
        class="thumb"
        src={`${assetPath(url)}#t=0.5`}
        preload="metadata"
        muted
        tabIndex={-1}
        aria-hidden="true"
        onError={() => (isBroken.value = true)}
      />
    );
  return (
    <span class="thumb thumb-sign">
      <Icon name={FAMILY_ICONS[kind]} />
    </span>
  );
}

/** The place of a thumbnail of something that is not there. */
export function NoThumb() {
  return <span class="thumb thumb-none" aria-hidden="true" />;
}

interface PreviewProps {
  readonly asset: Asset;
  readonly title: string;
  /** In the grid a video waits for a press on play; on its own page its controls are there at once. */
  readonly isTile?: boolean;
  /** Told when the browser knows the size, for files of which the service does not. */
  readonly onSize?: (width: number, height: number) => void;
}

/** A stored file in place: pictures are shown, video and sound play and seek, anything else says what it is. */
export function Preview({ asset, title, isTile = false, onSize = () => undefined }: PreviewProps) {
  const isPlaying = useSignal(!isTile);
  const isBroken = useSignal(false);
  const { mimeType, durationSeconds } = asset;
  const path = assetPath(asset.url);
  const kind = isBroken.value ? 'file' : family(mimeType);
  const broken = () => (isBroken.value = true);

  if (kind === 'image')
    return (
      <img
        class="preview"
        src={path}
        alt={title}
        loading="lazy"
        onError={broken}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
          onSize(naturalWidth, naturalHeight);
        }}
      />
    );
  if (kind === 'audio')
    return (
      <div class="preview preview-sign">
        <Icon name="sound" />
        {/* Imported recordings come without captions. */}
        <audio controls preload="metadata" src={path} aria-label={title} onError={broken} />
      </div>
    );
  if (kind === 'file')
    return (
      <div class="preview preview-sign">
        <Icon name={FAMILY_ICONS[family(mimeType)]} />
        <span class="preview-type">{typeName(mimeType)}</span>
      </div>
    );
  if (isPlaying.value)
    return (
      <video
        class="preview"
        controls
        autoPlay={isTile}
        playsInline
        preload="metadata"
        src={path}
        aria-label={title}
        onError={broken}
      />
    );
  const time = durationSeconds === undefined ? undefined : playingTime(durationSeconds);
  return (
    <div class="preview preview-wait">
      <video
        class="preview"
        preload="metadata"
        muted
        src={`${path}#t=0.5`}
        tabIndex={-1}
        aria-hidden="true"
        onError={broken}
        onLoadedMetadata={({ currentTarget: { videoWidth, videoHeight } }) => {
          onSize(videoWidth, videoHeight);
        }}
      />
      {/* Speech input finds a button by the text that it shows, so its name has that too (WCAG 2.5.3). */}
      <button
        type="button"
        class="play"
        aria-label={time === undefined ? `Play ${title}` : `Play ${title}, ${time}`}
        onClick={() => (isPlaying.value = true)}
      >
        <Icon name="play" />
        {time === undefined ? null : <span>{time}</span>}
      </button>
    </div>
  );
}
