import { z } from 'zod';
import { KINDS, type Kind } from './import.js';
import type { MediaType, MediaTypes, MetadataField } from './media.js';

const KIND_OF_TYPE = { mediaVideo: 'video', mediaFile: 'file', mediaImage: 'image' } as const satisfies Record<
  string,
  Kind
>;

/** What a media type takes when it says nothing about it. */
const DEFAULT_MIME_TYPES: Readonly<Record<Kind, readonly string[]>> = {
  video: ['video/*'],
  file: ['*'],
  image: ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/svg+xml'],
};

const Limit = z.int().min(0).optional();

/** `config` of the published project configuration; what only concerns its editor (`ui`, `hideFromForm`) is passed over. */
const FieldConfig = z.object({
  required: z.boolean().optional(),
  minLength: Limit,
  maxLength: Limit,
  min: z.number().optional(),
  max: z.number().optional(),
  minValue: z.number().optional(),
  maxValue: z.number().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  dataProvider: z
    .object({ items: z.array(z.object({ value: z.union([z.string(), z.number()]) })).optional() })
    .optional(),
});

const Field = z.object({
  handle: z
    .string()
    .regex(/^[^.$\0][^.\0]{0,99}$/, 'must have 1 to 100 characters without dots')
    .refine((handle) => handle !== '__proto__', 'must not be __proto__'),
  type: z.templateLiteral(['li-', z.string().regex(/^[a-z0-9-]{1,60}$/)], 'must begin with li-'),
  config: FieldConfig.optional(),
});

const Entry = z.object({
  handle: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must have 1 to 64 letters, digits, _ or -'),
  type: z.enum(['mediaVideo', 'mediaFile', 'mediaImage']),
  allowedMimeTypes: z
    .array(z.string().regex(/^(\*|\*\/\*|[a-z0-9.+-]+\/(\*|[a-z0-9.+-]+))$/, 'must be type/subtype, type/*, */* or *'))
    .min(1)
    .optional(),
  metadata: z.array(Field).optional(),
  additionalMetadata: z.boolean().optional(),
});

const MediaTypesFile = z.array(Entry).superRefine((entries, context) => {
  const seen = new Set<string>();
  for (const [index, { handle, type, metadata }] of entries.entries()) {
    if (seen.has(handle)) context.addIssue({ code: 'custom', path: [index, 'handle'], message: 'is used twice' });
    seen.add(handle);
    if (Object.hasOwn(KINDS, handle) && KIND_OF_TYPE[type] !== handle)
      context.addIssue({
        code: 'custom',
        path: [index, 'type'],
        message: `must be ${KINDS[handle as Kind].mediaType}`,
      });
    const handles = (metadata ?? []).map((field) => field.handle);
    if (new Set(handles).size < handles.length)
      context.addIssue({ code: 'custom', path: [index, 'metadata'], message: 'names a handle twice' });
  }
});

/** The media types of a service that configures none: one for each kind, with any metadata. */
export function defaultMediaTypes(): MediaTypes {
  return new Map((Object.keys(KINDS) as Kind[]).map((kind) => [kind, defaultMediaType(kind)]));
}

/**
 * Reads the content of `MEDIA_TYPES_FILE`: an array in the form of the published project configuration. A kind whose canonical
 * handle (`video`, `file`, `image`) it does not define keeps its default.
 * @throws Error that lists every problem with its path
 */
export function parseMediaTypes(json: unknown): MediaTypes {
  const result = MediaTypesFile.safeParse(json);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => `  ${issue.path.join('.') || 'file'}: ${issue.message}`);
    throw new Error(`The media types are not valid:\n${lines.join('\n')}`, { cause: result.error });
  }
  return new Map([...defaultMediaTypes(), ...result.data.map((entry) => [entry.handle, mediaTypeOf(entry)] as const)]);
}

function defaultMediaType(kind: Kind): MediaType {
  return { handle: kind, kind, allowedMimeTypes: DEFAULT_MIME_TYPES[kind], metadata: [], additionalMetadata: true };
}

function mediaTypeOf(entry: z.infer<typeof Entry>): MediaType {
  const kind = KIND_OF_TYPE[entry.type];
  return {
    handle: entry.handle,
    kind,
    allowedMimeTypes: entry.allowedMimeTypes ?? DEFAULT_MIME_TYPES[kind],
    metadata: (entry.metadata ?? []).map(({ handle, type, config = {} }) => ({
      handle,
      type,
      config: rulesOf(config),
    })),
    additionalMetadata: entry.additionalMetadata ?? false,
  };
}

function rulesOf(config: z.infer<typeof FieldConfig>): MetadataField['config'] {
  const rules = {
    required: config.required,
    minLength: config.minLength,
    maxLength: config.maxLength,
    min: config.min ?? config.minValue,
    max: config.max ?? config.maxValue,
    enum: config.enum ?? config.dataProvider?.items?.map((item) => item.value),
  };
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}
