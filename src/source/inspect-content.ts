import { ImportError } from '../contract/errors.js';
import type { FetchRequest } from '../contract/source.js';
import { decideType } from './decide-type.js';
import type { Dimensions, Found } from './formats/found.js';
import { HEAD_BYTES } from './head-bytes.js';
import { imageDimensions, plausible } from './image-dimensions.js';
import { type Look, lookInside } from './look-inside.js';
import { type Sniffed, sniffType } from './sniff-type.js';
import { couldTake } from './takes-type.js';

/** What a body was found to be. */
export type Inspected = { readonly mimeType: string } & Partial<Dimensions>;

/** Judges a body while it streams past. */
export interface Inspection {
  /** Whether more of the body changes nothing. */
  readonly settled: boolean;
  /**
   * Takes the next bytes.
   * @throws ImportError type_mismatch or type_not_allowed as soon as they are certain, which the first 64 KiB nearly always make
   * them; the same again at every call that follows
   */
  add(chunk: Buffer): Promise<void>;
  /** The verdict, once no more bytes come. @throws as `add` */
  finish(): Promise<Inspected>;
}

/**
 * Begins the inspection of a body. It keeps the first 64 KiB at most and, while what lies beyond them is looked for, what a `Walk`
 * keeps.
 * @param header type and subtype of the Content-Type header
 */
export function inspectContent(
  header: string | undefined,
  { mediaType, url, fileName }: Pick<FetchRequest, 'mediaType' | 'url' | 'fileName'>,
): Inspection {
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let head: Buffer | undefined;
  let sniffed: Sniffed | undefined;
  let look: Look | undefined;
  let verdict: Inspected | undefined;
  let refusal: ImportError | undefined;

  function refuse(code: 'type_mismatch' | 'type_not_allowed', message: string): never {
    refusal = new ImportError(code, message, { stage: 'type' });
    throw refusal;
  }

  function decide(judged: Sniffed): string {
    const decision = decideType(header, judged, mediaType, { url, fileName });
    return 'refused' in decision ? refuse(decision.code, decision.refused) : decision.mimeType;
  }

  /** Called with what has gathered, once. */
  async function begin(): Promise<void> {
    const [first, ...more] = waiting.splice(0);
    const bytes = first !== undefined && more.length === 0 ? first : Buffer.concat([first ?? Buffer.alloc(0), ...more]);
    head = bytes.subarray(0, HEAD_BYTES);
    sniffed = await sniffType(head);
    look = lookInside(head, sniffed);
    if (bytes.length > head.length) look?.walker.push(bytes.subarray(head.length));
    await advance();
    if (verdict !== undefined || look === undefined) return;
    // A body need not be downloaded to learn which of several wrong types it is.
    if (look.mayBe === undefined || !couldTake(mediaType, look.mayBe)) decide({ ...sniffed, ...look.otherwise });
  }

  /** Settles what can be settled. */
  async function advance(): Promise<void> {
    if (head === undefined || sniffed === undefined || look?.walker.done === false) return;
    const found = look && (look.walker.found ?? look.otherwise);
    const judged = found === undefined ? sniffed : await merge(sniffed, found);
    const mimeType = decide(judged);
    const isMeasured = found !== undefined && mimeType === found.type;
    verdict = { mimeType, ...(isMeasured ? plausible(found.dimensions) : imageDimensions(mimeType, head)) };
    // The rest of a body may take hours, and needs none of this.
    head = sniffed = look = undefined;
  }

  return {
    get settled() {
      return verdict !== undefined;
    },

    async add(chunk) {
      if (refusal !== undefined) throw refusal;
      if (verdict !== undefined) return;
      if (head === undefined) {
        waiting.push(chunk);
        waitingBytes += chunk.length;
        if (waitingBytes >= HEAD_BYTES) await begin();
        return;
      }
      look?.walker.push(chunk);
      await advance();
    },

    async finish() {
      if (refusal !== undefined) throw refusal;
      if (verdict === undefined && head === undefined) await begin();
      if (verdict === undefined) {
        look?.walker.end();
        await advance();
      }
      if (verdict === undefined) throw new Error('The inspection of a body came to no verdict');
      return verdict;
    },
  };
}

/** What was found inside goes before what the head looked like. */
async function merge(sniffed: Sniffed, { type, isUnsure, behind }: Found): Promise<Sniffed> {
  const inner = behind === undefined ? undefined : (await sniffType(behind)).type;
  if (inner !== undefined && /^(?:audio|video)\//.test(inner)) return { ...sniffed, type: inner };
  return { ...sniffed, type, ...(isUnsure !== undefined && { isUnsure }) };
}
