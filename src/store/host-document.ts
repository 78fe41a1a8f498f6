import type { HostCircuit, HostRecord } from '../contract/hosts.js';

/** A document of the `hosts` collection, one a host. Made by the first worker that takes a slot. */
export interface HostDocument {
  readonly _id: string;
  readonly total: number;
  readonly held?: Readonly<Record<string, number>>;
  readonly wanting?: Readonly<Record<string, Date>>;
  readonly restingUntil?: Date;
  /** Absent when there are none. */
  readonly circuits?: readonly HostCircuit[];
  /** Counts the changes of `circuits`, so that each is made to what was read. */
  readonly revision?: number;
  /** When anything was taken, reported or put off last. */
  readonly touchedAt: Date;
}

export function toHostRecord(document: HostDocument): HostRecord {
  const { _id: host, total, held = {}, wanting = {}, restingUntil, circuits = [] } = document;
  return { host, total, held, wanting, circuits, ...(restingUntil && { restingUntil }) };
}
