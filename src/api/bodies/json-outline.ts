const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** A batch has one. Each takes memory as its elements do. */
const MAX_LISTS = 8;

/** A part of a text, in bytes from its start. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A part whose marks, `{[,` outside of quotes, were counted: they tell how many values it will be once it is parsed. */
export interface MarkedSpan extends Span {
  readonly marks: number;
}

/** A list that is a member of the root object. */
interface OutlinedList {
  /** How many elements there are; only the first `maxElements` of all lists have a span. */
  readonly length: number;
  readonly elements: readonly MarkedSpan[];
}

/** Where the parts of a JSON text are. */
export interface JsonOutline {
  readonly lists: readonly OutlinedList[];
  /**
   * The text without the elements of those lists: one part more than there are lists, the first ends with the bracket that opens the first
   * list, the second begins with the one that closes it. White space at the end of the text is not part of it.
   */
  readonly frame: readonly Span[];
  /** The marks of the frame; infinite when there are more than 8 lists. */
  readonly marks: number;
}

/**
 * Finds the elements of the lists at the top level of a JSON text, so that each can be parsed by itself: `JSON.parse` keeps the event loop
 * until it is through, and its values take up to 27 times the memory of their text. Looks at nothing but quotes and
 * brackets: the text is valid JSON if and only if all elements and the frame with empty lists are.
 */
export function createJsonOutliner(maxElements: number): { scan(chunk: Uint8Array): void; end(): JsonOutline } {
  const lists: { length: number; elements: MarkedSpan[] }[] = [];
  const frame: Span[] = [];
  let list: (typeof lists)[number] | null = null;
  let [offset, frameFrom, elementFrom, contentEnd] = [0, 0, 0, 0];
  let [depth, frameMarks, marks, spans] = [0, 0, 0, 0];
  let [isInText, isEscaped, isObject, hasContent] = [false, false, false, false];

  const beginElement = (from: number) => {
    elementFrom = from;
    marks = 0;
    hasContent = false;
  };
  const endElement = (current: (typeof lists)[number], to: number) => {
    current.length += 1;
    if (spans >= maxElements) return;
    spans += 1;
    current.elements.push({ from: elementFrom, to, marks });
  };
  const open = (byte: number, at: number) => {
    depth += 1;
    marks += 1;
    if (depth === 1) isObject = byte === OPEN_OBJECT;
    if (depth !== 2 || byte !== OPEN_LIST || !isObject || list !== null) {
      hasContent = true;
      return;
    }
    if (lists.length === MAX_LISTS) frameMarks = Number.POSITIVE_INFINITY;
    if (frameMarks === Number.POSITIVE_INFINITY) return;
    list = { length: 0, elements: [] };
    lists.push(list);
    frame.push({ from: frameFrom, to: at + 1 });
    frameMarks += marks;
    beginElement(at + 1);
  };
  const close = (byte: number, at: number) => {
    // Another bracket than the list's is left to the element, which is then no JSON.
    if (list !== null && depth === 2 && byte === CLOSE_LIST) {
      if (hasContent || list.length > 0) endElement(list, at);
      list = null;
      frameFrom = at;
      marks = 0;
    }
    hasContent = true;
    depth -= 1;
  };

  return {
    // eslint-disable-next-line complexity -- one step of a state machine, a case for each kind of byte
    scan(chunk) {
      for (let index = 0; index < chunk.length; index += 1) {
        const byte = chunk[index] ?? 0;
        if (isInText) {
          if (isEscaped) isEscaped = false;
          else if (byte === BACKSLASH) isEscaped = true;
          else if (byte === QUOTE) [isInText, contentEnd] = [false, offset + index + 1];
          continue;
        }
        // The four white spaces of JSON, RFC 8259 section 2.
        if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
        const at = offset + index;
        contentEnd = at + 1;
        if (byte === OPEN_OBJECT || byte === OPEN_LIST) open(byte, at);
        else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) close(byte, at);
        else if (byte === COMMA && list !== null && depth === 2) {
          endElement(list, at);
          beginElement(at + 1);
        } else {
          if (byte === COMMA) marks += 1;
          else if (byte === QUOTE) isInText = true;
          hasContent = true;
        }
      }
      offset += chunk.length;
    },
    end() {
      // What does not end leaves a frame that is no JSON.
      const to = isInText || list !== null ? offset : contentEnd;
      return { lists, frame: [...frame, { from: frameFrom, to }], marks: frameMarks + marks };
    },
  };
}
