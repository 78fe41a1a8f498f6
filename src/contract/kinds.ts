/** What one batch imports. The plural is the key of the items in the published request and status bodies. */
export const KINDS = {
  video: { plural: 'videos', webhookSource: 'video-import', mediaType: 'mediaVideo' },
  file: { plural: 'files', webhookSource: 'file-import', mediaType: 'mediaFile' },
  image: { plural: 'images', webhookSource: 'image-import', mediaType: 'mediaImage' },
} as const;

export type Kind = keyof typeof KINDS;
export type KindPlural = (typeof KINDS)[Kind]['plural'];
