import type { ReasonCode } from '../../../src/domain/errors.js';
import type { Kind } from '../../../src/domain/import.js';
import type { Asset } from '../../../src/domain/media.js';
import type { FakeAnswer } from '../../support/fake-resolver.js';
import type { OriginHandler } from '../origin-server.js';

/** In every body, header and target that a fault sends: nothing of it may be told to anybody. */
export const CANARY = 's3cret-canary';

/** The domain of all hosts of the table. */
export const DOMAIN = 'hostile.example';

/** Names that redirects lead to, beside those of the faults themselves. */
export const NAMES = {
  private: `private.${DOMAIN}`,
  unknown: `unknown.${DOMAIN}`,
} as const;

/**
 * A limit of ours that ends an attempt. interim: the number of 1xx answers, each of which may take as long as headers may;
 * attempt: the longest that any attempt lasts.
 */
export type Limit = 'resolve' | 'connect' | 'headers' | 'interim' | 'idle' | 'speed' | 'attempt';

/**
 * Where the URL of a fault leads. origin: a server that answers; origin-as-tls: the same, spoken to in TLS; tls: a server with a
 * certificate; silent: accepts connections and says nothing to the TLS handshake; black-hole: accepts no connection and refuses
 * none; closed: refuses connections.
 */
export type Place = 'origin' | 'origin-as-tls' | 'tls' | 'silent' | 'black-hole' | 'closed';

/** What a fault may have to know to behave as told. */
interface Site {
  /** Of the fault's own URL. */
  readonly path: string;
  readonly host: string;
  /** Of the plain origin, whatever the place of the fault. */
  readonly port: number;
  /** Whether a sweep asks first, which leaves large files to be asked for again. */
  readonly swept: boolean;
}

interface Failed {
  readonly state: 'failed';
  readonly code: ReasonCode;
  readonly attempts: number;
}

interface Success {
  readonly state: 'success';
  readonly attempts: number;
  readonly asset: Partial<Asset>;
  /** Whether the last attempt had less to fetch than all of the file, because the ones before it had kept the rest. */
  readonly resumed?: boolean;
}

/** One way of a source to misbehave, and what is promised to come of it. */
export interface Fault {
  /** Ends the sentence "The source …"; the first column of docs/errors.md. */
  readonly source: string;
  /** What it is imported as; video when absent. */
  readonly kind?: Kind;
  /** origin when absent. */
  readonly place?: Place;
  /** What its host name resolves to: the loopback address when absent. */
  readonly name?: FakeAnswer;
  readonly certificate?: 'good' | 'expired' | 'otherHost' | 'selfSigned';
  /** Made anew for every item that meets the fault, because some behaviours remember. */
  readonly answer?: (site: Site) => OriginHandler;
  readonly ends: Failed | Success;
  /** What ends an attempt; the answer itself when absent. */
  readonly limit?: Limit;
  /** Pause that the source asks for after each failed attempt, in milliseconds, as far as it is honoured. */
  readonly asksToWaitMs?: number;
}

/** @param attempts under the default policy */
export function failed(code: ReasonCode, attempts: number): Failed {
  return { state: 'failed', code, attempts };
}

/** @param attempts the successful one included */
export function success(asset: Partial<Asset>, attempts = 1): Success {
  return { state: 'success', asset, attempts };
}
