import type { Collection, Db } from 'mongodb';
import type { Batch } from '../contract/batch.js';
import type { Delivery } from '../contract/delivery.js';
import type { TokenRecord } from '../contract/store.js';
import type { CondemnedDocument } from './condemned.js';
import type { CounterDocument } from './counters.js';
import type { ClockDocument } from './database-clock.js';
import type { HostDocument } from './host-document.js';
import type { LeaseDocument } from './host-leases.js';
import { HOST_RATES } from './host-rate.js';
import type { KeyDocument } from './idempotency-keys.js';
import type { StoredMedia } from './media.js';
import type { ProjectDocument } from './projects.js';
import type { StoredItem } from './stored-item.js';

/** Every collection of the service. */
export interface Collections {
  readonly batches: Collection<Batch>;
  readonly items: Collection<StoredItem>;
  readonly media: Collection<StoredMedia>;
  readonly deliveries: Collection<Delivery>;
  readonly tokens: Collection<TokenRecord>;
  readonly projects: Collection<ProjectDocument>;
  readonly keys: Collection<KeyDocument>;
  readonly counters: Collection<CounterDocument>;
  readonly condemned: Collection<CondemnedDocument>;
  readonly hosts: Collection<HostDocument>;
  readonly workers: Collection<LeaseDocument>;
  readonly hostRates: Collection;
  readonly clock: Collection<ClockDocument>;
}

export function collectionsOf(db: Db): Collections {
  return {
    batches: db.collection('batches'),
    items: db.collection('items'),
    media: db.collection('media'),
    deliveries: db.collection('deliveries'),
    tokens: db.collection('tokens'),
    projects: db.collection('projects'),
    keys: db.collection('idempotencyKeys'),
    counters: db.collection('counters'),
    condemned: db.collection('condemned'),
    hosts: db.collection('hosts'),
    workers: db.collection('workers'),
    hostRates: db.collection(HOST_RATES),
    clock: db.collection('clock'),
  };
}
