import { ImportError } from '../contract/errors.js';
import type { FetchRequest } from '../contract/source.js';
import { decideType } from './decide-type.js';
import { type Dimensions, imageDimensions } from './image-dimensions.js';
import { sniffType } from './sniff-type.js';

/**
 * Judges the first bytes of a body.
 * @param header type and subtype of the Content-Type header
 * @throws ImportError type_mismatch
 */
export async function inspectHead(
  header: string | undefined,
  head: Uint8Array,
  { mediaType, url }: Pick<FetchRequest, 'mediaType' | 'url'>,
): Promise<{ readonly mimeType: string } & Partial<Dimensions>> {
  const decision = decideType(header, await sniffType(head), mediaType, url);
  if ('refused' in decision) throw new ImportError('type_mismatch', decision.refused, { stage: 'type' });
  return { ...decision, ...imageDimensions(decision.mimeType, head) };
}
