import type { Kind } from './import.js';
import type { MediaAction } from './item.js';

/** Stored bytes and what is known of them. `sha256` (64 hex digits) names the blob. */
export interface Asset {
  readonly sha256: string;
  readonly bytes: number;
  readonly mimeType: string;
  /** Pixels as displayed: Exif orientation and the rotation of a video are applied. */
  readonly width?: number;
  readonly height?: number;
  readonly durationSeconds?: number;
  /** Frames a second, on average. */
  readonly frameRate?: number;
  /** Short names as ffprobe has them: `h264`, `hevc`, `vp9`, `av1`; `aac`, `opus`, `mp3`, `flac`. */
  readonly videoCodec?: string;
  readonly audioCodec?: string;
  /** Set when the Exif metadata of an image hold a GPS position. */
  readonly hasPosition?: true;
  /** The version of the probe that has read these bytes; absent while none has, or none had to. */
  readonly probed?: number;
  /** False when the source ended its body by closing the connection, so that truncation could not be ruled out. */
  readonly lengthVerified: boolean;
}

/** What the bytes of an asset tell when they are looked into; what cannot be read is absent. */
export type AssetFacts = Pick<
  Asset,
  'width' | 'height' | 'durationSeconds' | 'frameRate' | 'videoCodec' | 'audioCodec' | 'hasPosition'
>;

/** Where the content came from and what the source called this state of it: what a later import asks with. */
export interface MediaSource {
  /** SHA-256 of the URL, in hex: validators mean something for one URL only, and URLs hold secrets. */
  readonly urlSha256: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** A document of the `media` collection; `_id` is derived from (projectId, systemName, externalId). */
export interface Media {
  readonly _id: string;
  readonly projectId: string;
  readonly kind: Kind;
  readonly mediaType: string;
  readonly systemName: string;
  readonly externalId: string;
  readonly fileName: string;
  readonly metadata: Record<string, unknown>;
  readonly asset: Asset;
  /** Absent when it was stored by a version that did not keep it. */
  readonly source?: MediaSource;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The batch that wrote the content, and what it did: a repeated attempt of the same batch reports the same. */
  readonly importId: string;
  readonly importAction: Exclude<MediaAction, 'unchanged'>;
  /** The newest batch that imported the pair; an older one is refused. */
  readonly importSeq: number;
}

export interface MetadataField {
  readonly handle: string;
  /** A published type; what has no rule here takes any value. */
  readonly type: `li-${string}`;
  readonly config: {
    readonly required?: boolean;
    readonly minLength?: number;
    readonly maxLength?: number;
    readonly min?: number;
    readonly max?: number;
    readonly enum?: readonly (string | number)[];
  };
}

/** A configured media type: which bytes it takes and which metadata. */
export interface MediaType {
  readonly handle: string;
  readonly kind: Kind;
  /** Exact types, or a whole family such as `image/*`; `*` takes anything of the kind. */
  readonly allowedMimeTypes: readonly string[];
  readonly metadata: readonly MetadataField[];
  /** Whether keys that `metadata` does not name are taken. */
  readonly additionalMetadata: boolean;
}

/** Every media type of the project, by handle. */
export type MediaTypes = ReadonlyMap<string, MediaType>;
