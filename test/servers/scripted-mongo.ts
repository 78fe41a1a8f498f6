import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { BSON, ObjectId, type Document } from 'mongodb';

/**
 * What becomes of a command: it is answered in place of the server, its answer is changed, it is passed on late, or it is lost with
 * the connection, before or after the server has carried it out.
 */
export type Fate =
  | { readonly answer: Document }
  | { readonly amend: Document }
  | { readonly delayMs: number }
  | { readonly lose: 'request' | 'answer' };

export interface SentCommand {
  readonly name: string;
  readonly command: Document;
}

export interface ScriptedMongo {
  readonly url: string;
  /** Every command of the driver's users so far, handshakes and heartbeats left out. */
  readonly sent: readonly SentCommand[];
  /** Decides about each command from now on; undefined lets it pass. */
  script(decide: (sent: SentCommand) => Fate | undefined): void;
  /** Whether the server calls itself the primary of its set. */
  isPrimary: boolean;
  close(): void;
}

const OP_MSG = 2013;
const HANDSHAKES = new Set(['hello', 'ismaster', 'isMaster', 'endSessions']);

/** An answer of a member of a set that is not, or no longer, its primary. */
export function refusedWith(code: number, labels: readonly string[] = []): Document {
  return { ok: 0, errmsg: `refused with ${code}`, code, codeName: `Code${code}`, errorLabels: labels };
}

/**
 * Stands between the driver and a server, reads their conversation and changes it: a single server presents itself as a replica set
 * (`isReplicaSet`) and fails as members of one do.
 */
export async function aScriptedMongo(serverUrl: string, { isReplicaSet = true } = {}): Promise<ScriptedMongo> {
  const upstream = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const sent: SentCommand[] = [];
  let decide: (command: SentCommand) => Fate | undefined = () => undefined;
  const mongo = { isPrimary: true };
  let address = '';

  const presented = (): Document =>
    isReplicaSet
      ? {
          ...{
            setName: 'scripted',
            hosts: [address],
            me: address,
            setVersion: 1,
            electionId: new ObjectId('7fffffff0000000000000001'),
          },
          ...{ logicalSessionTimeoutMinutes: 30, ismaster: mongo.isPrimary, isWritablePrimary: mongo.isPrimary },
          ...{ secondary: !mongo.isPrimary, ...(mongo.isPrimary && { primary: address }) },
        }
      : {};

  const server = createServer((client) => {
    const remote = connect(Number(upstream.port), upstream.hostname);
    const amendments = new Map<number, Document | 'lose'>();
    const end = () => {
      client.destroy();
      remote.destroy();
    };
    for (const socket of [client, remote]) sockets.add(socket.on('error', end).on('close', end));

    client.on(
      'data',
      framed((message) => {
        const { requestId, command } = requestOf(message);
        const name = Object.keys(command)[0] ?? '';
        if (HANDSHAKES.has(name)) {
          if (name !== 'endSessions') amendments.set(requestId, presented());
          remote.write(message);
          return;
        }
        sent.push({ name, command });
        const fate = decide({ name, command });
        if (fate === undefined) remote.write(message);
        else if ('answer' in fate) client.write(messageOf(requestId, fate.answer));
        else if ('amend' in fate) {
          amendments.set(requestId, fate.amend);
          remote.write(message);
        } else if ('delayMs' in fate) setTimeout(() => remote.write(message), fate.delayMs);
        else if (fate.lose === 'request') end();
        else {
          amendments.set(requestId, 'lose');
          remote.write(message);
        }
      }),
    );
    remote.on(
      'data',
      framed((message) => {
        const responseTo = message.readInt32LE(8);
        const amendment = amendments.get(responseTo);
        amendments.delete(responseTo);
        if (amendment === 'lose') end();
        else if (amendment === undefined) client.write(message);
        else client.write(amended(message, amendment));
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  return Object.assign(mongo, {
    url: `mongodb://${address}/`,
    sent,
    script: (next: typeof decide) => {
      decide = next;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
}

/** Cuts a stream into messages: each begins with its length. */
function framed(take: (message: Buffer) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= held.readInt32LE(0)) {
      const length = held.readInt32LE(0);
      take(held.subarray(0, length));
      held = held.subarray(length);
    }
  };
}

/** The command of an OP_MSG without its document sequences, or that of a handshake in the old form. */
function requestOf(message: Buffer): { requestId: number; command: Document } {
  const requestId = message.readInt32LE(4);
  if (message.readInt32LE(12) === OP_MSG) return { requestId, command: documentAt(message, 21) };
  const namespaceEnd = message.indexOf(0, 20);
  return { requestId, command: documentAt(message, namespaceEnd + 9) };
}

function documentAt(message: Buffer, offset: number): Document {
  return BSON.deserialize(message.subarray(offset, offset + message.readInt32LE(offset)));
}

function amended(message: Buffer, amendment: Document): Buffer {
  const start = message.readInt32LE(12) === OP_MSG ? 21 : 36;
  const body = BSON.serialize({ ...documentAt(message, start), ...amendment });
  const changed = Buffer.concat([message.subarray(0, start), body]);
  changed.writeInt32LE(changed.length, 0);
  return changed;
}

function messageOf(responseTo: number, document: Document): Buffer {
  const body = BSON.serialize(document);
  const head = Buffer.alloc(21);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(responseTo, 8);
  head.writeInt32LE(OP_MSG, 12);
  return Buffer.concat([head, body]);
}
