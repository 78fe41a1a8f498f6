import { describe, expect, it } from '@jest/globals';
import { BSON } from 'mongodb';
import { createMongoMessageParser, type MongoCommand } from '../../../bench/throughput/mongo-cost.js';

/** An OP_MSG (MongoDB wire protocol) with a body and, if given, a sequence of documents. */
function message(body: object, sequence?: { name: string; documents: object[] }, operation = 2013): Buffer {
  const sections = [Buffer.from([0]), Buffer.from(BSON.serialize(body))];
  if (sequence !== undefined) {
    const content = [
      Buffer.from(`${sequence.name}\0`),
      ...sequence.documents.map((one) => Buffer.from(BSON.serialize(one))),
    ];
    const size = Buffer.alloc(4);
    size.writeInt32LE(4 + content.reduce((sum, { length }) => sum + length, 0));
    sections.push(Buffer.from([1]), size, ...content);
  }
  const rest = Buffer.concat([Buffer.alloc(4), ...sections]);
  const header = Buffer.alloc(16);
  header.writeInt32LE(16 + rest.length, 0);
  header.writeInt32LE(operation, 12);
  return Buffer.concat([header, rest]);
}

function parse(stream: Buffer, chunkBytes: number): MongoCommand[] {
  const found: MongoCommand[] = [];
  const push = createMongoMessageParser((command) => found.push(command));
  for (let from = 0; from < stream.length; from += chunkBytes) push(stream.subarray(from, from + chunkBytes));
  return found;
}

const STREAM = Buffer.concat([
  message({ find: 'items', filter: {} }),
  message({ update: 'items' }, { name: 'updates', documents: [{ q: {} }, { q: {} }, { q: {} }] }),
  message({ insert: 'items', documents: [{ a: 1 }, { a: 2 }] }),
  message({ hello: 1 }, undefined, 2004),
  message({ findAndModify: 'counters' }),
]);

describe('createMongoMessageParser', () => {
  it.each([1, 7, 4096])('finds commands and their writes in chunks of %i bytes', (chunkBytes) => {
    expect(parse(STREAM, chunkBytes)).toEqual([
      { name: 'find', writes: 0 },
      { name: 'update', writes: 3 },
      { name: 'insert', writes: 2 },
      { name: 'findAndModify', writes: 1 },
    ]);
  });
});
