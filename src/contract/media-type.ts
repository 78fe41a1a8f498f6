import type { Kind } from './kinds.js';

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
