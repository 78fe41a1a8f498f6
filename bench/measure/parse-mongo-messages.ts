import { BSON } from 'mongodb';

export interface MongoCommand {
  /** Such as `find` or `update`. */
  readonly name: string;
  /** What a write command holds: documents to insert, updates, deletes. 0 of a command that reads. */
  readonly writes: number;
}

/** MongoDB wire protocol: a header of four int32 (length, request id, answered id, operation). */
const HEADER_BYTES = 16;
const OP_MSG = 2013;
/** Fields of a write command that hold its statements, as a section of their own or in the body. */
const STATEMENTS = ['documents', 'updates', 'deletes'];

/**
 * Splits what a driver sends on one connection into commands; chunks may end anywhere. Everything but OP_MSG, which is all that
 * drivers send after the handshake, is passed over.
 */
export function createMongoMessageParser(onCommand: (command: MongoCommand) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readInt32LE(0)) {
      const message = rest.subarray(0, rest.readInt32LE(0));
      rest = rest.subarray(message.length);
      if (message.readInt32LE(12) === OP_MSG) onCommand(parseCommand(message));
    }
  };
}

/** Sections of an OP_MSG: kind 0 is the body, kind 1 a named sequence of documents. The first 4 bytes are flags. */
function parseCommand(message: Buffer): MongoCommand {
  const hasChecksum = (message.readUInt32LE(HEADER_BYTES) & 1) !== 0;
  const end = message.length - (hasChecksum ? 4 : 0);
  let body: Record<string, unknown> = {};
  let writes = 0;
  for (let at = HEADER_BYTES + 4; at < end;) {
    const size = message.readInt32LE(at + 1);
    const section = message.subarray(at + 1, at + 1 + size);
    if (message[at] === 0) body = BSON.deserialize(section);
    else writes += documentsIn(section);
    at += 1 + size;
  }
  for (const field of STATEMENTS) {
    const statements = body[field];
    if (Array.isArray(statements)) writes += statements.length;
  }
  const name = Object.keys(body)[0] ?? 'unknown';
  return { name, writes: name === 'findAndModify' ? 1 : writes };
}

function documentsIn(section: Buffer): number {
  // Its size, its name, which ends with a NUL, and then document after document.
  let at = section.indexOf(0, 4) + 1;
  let count = 0;
  for (; at < section.length; count += 1) at += section.readInt32LE(at);
  return count;
}
