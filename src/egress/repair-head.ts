/** Fields that are given once (RFC 9110): the same line twice is what a server and the proxy in front of it both added. */
const SINGLE: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'location',
  'retry-after',
]);

/** Fields that tell where the body ends. They are never dropped for being unreadable: the parser has to refuse them. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

const STATUS_LINE = /^http\/1\.([01])[ \t]+(\d{3})(?:[ \t]+(.*))?$/i;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const WHOLE_NUMBER = /^\d+$/;

interface Field {
  /** As sent. */
  readonly name: string;
  /** In lower case. */
  readonly key: string;
  readonly value: string;
}

/** The status of the answer that a head begins; undefined when its first line is no status line of HTTP/1. */
export function statusOf(head: string): number | undefined {
  const [, , status] = STATUS_LINE.exec(linesOf(head)[0] ?? '') ?? [];
  return status === undefined ? undefined : Number(status);
}

/**
 * Writes the head of an answer anew, in the strict grammar that undici's parser asks for. Repaired is what RFC 9112 lets a
 * recipient take and browsers and curl do take:
 *
 * - lines that end in LF alone (section 2.2), empty lines before the status line, more than one space in it (section 4);
 * - folded lines (5.2), white space before the colon (5.1);
 * - fields that are no fields, or whose value has control characters: left out, as browsers do;
 * - Content-Length given several times with one value (6.3), other fields that are given once likewise;
 * - Transfer-Encoding `identity`, and `chunked` given twice; Content-Length beside `chunked`, which overrides it (6.3). The
 *   connection is not used again then, as 6.1 asks, because the other end may count otherwise;
 * - 100 (Continue) to a request that did not ask for it, which undici takes for the end of the connection. It becomes a 102, and
 *   is passed over and counted with the others.
 *
 * What is contradictory stays as it is, for the parser to refuse.
 *
 * @param head latin1, from its first byte to the empty line, which ends it
 */
export function repairHead(head: string): string {
  const [statusLine = '', ...lines] = linesOf(head);
  const fields = framed(once(fieldsOf(lines))).map(({ name, value }) => `${name}: ${value}`);
  return [repairedStatusLine(statusLine), ...fields, '', ''].join('\r\n');
}

function linesOf(head: string): string[] {
  return head.split(/\r?\n/).filter((line) => line !== '');
}

function repairedStatusLine(line: string): string {
  const [matched, minor, status, reason = ''] = STATUS_LINE.exec(line) ?? [];
  if (matched === undefined) return line;
  return `HTTP/1.${minor} ${status === '100' ? '102' : status} ${CONTROL.test(reason) ? '' : reason}`;
}

function fieldsOf(lines: readonly string[]): Field[] {
  const unfolded: string[] = [];
  for (const line of lines) {
    if (!/^[ \t]/.test(line)) unfolded.push(line);
    // Before the first field there is nothing that such a line could go on with.
    else if (unfolded.length > 0) unfolded.push(`${unfolded.pop()} ${trimmed(line)}`);
  }
  return unfolded.flatMap((line) => {
    const colon = line.indexOf(':');
    const name = trimmed(line.slice(0, Math.max(colon, 0)));
    const field = { name, key: name.toLowerCase(), value: trimmed(line.slice(colon + 1)) };
    const isReadable = TOKEN.test(name) && (!CONTROL.test(field.value) || FRAMING.has(field.key));
    return isReadable ? [field] : [];
  });
}

function once(fields: readonly Field[]): Field[] {
  const seen = new Set<string>();
  return fields.filter(({ key, value }) => {
    const line = `${key}:${value}`;
    if (!SINGLE.has(key) || !seen.has(line)) return seen.add(line);
    return false;
  });
}

function framed(fields: readonly Field[]): readonly Field[] {
  const framing = fields.filter(({ key }) => FRAMING.has(key));
  const [only, second] = framing;
  if (second === undefined && (only === undefined || WHOLE_NUMBER.test(only.value))) return fields;

  const without = (key: string) => fields.filter((field) => field.key !== key);
  const values = (key: string) =>
    framing.flatMap((field) => (field.key === key ? field.value.split(',').map(trimmed) : []));
  const codings = values('transfer-encoding')
    .map((coding) => coding.toLowerCase())
    .filter((coding) => coding !== 'identity' && coding !== '');
  const lengths = values('content-length');

  if (codings.length > 0) {
    if (codings.some((coding) => coding !== 'chunked')) return fields;
    const others = without('transfer-encoding').filter(({ key }) => key !== 'content-length');
    const chunked = [...others, fieldOf('transfer-encoding', 'chunked')];
    return lengths.length === 0 ? chunked : [...chunked, fieldOf('connection', 'close')];
  }
  const [length = ''] = lengths;
  const isOne = lengths.every((other) => WHOLE_NUMBER.test(other) && BigInt(other) === BigInt(length));
  const identity = without('transfer-encoding');
  if (lengths.length < 2 || !isOne) return identity;
  return [...identity.filter(({ key }) => key !== 'content-length'), fieldOf('content-length', length)];
}

function fieldOf(key: string, value: string): Field {
  return { name: key, key, value };
}

/**
 * Without the white space that may stand around a value: spaces and tabs only, so that nothing else is hidden. By hand, because a
 * pattern for its end would be tried from each of 30,000 spaces in the middle.
 */
function trimmed(text: string): string {
  const isBlank = (at: number) => text[at] === ' ' || text[at] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return text.slice(start, end);
}
