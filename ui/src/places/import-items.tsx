import { useSignal } from '@preact/signals';
import { api, request } from '../api/client.js';
import type { Import, Item } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Chips, Empty, Failure, Search, Skeleton, Time } from '../parts/basics.js';
import { Icon, StateMark } from '../parts/marks.js';
import { Pager } from '../parts/pager.js';
import { NoThumb, Thumb } from '../parts/preview.js';
import { href, parameter, setQuery } from '../router.js';
import { mayWrite } from '../session.js';
import { causeOf } from '../words/causes.js';
import { bytes, count } from '../words/numbers.js';
import { ITEM_MARKS } from '../words/states.js';

const PAGE = 50;
const BUSY_MS = 3_000;

const FRESH = { after: undefined, from: undefined };

/** The items of an import, by state, cause, host and id, fifty a page. */
export function ImportItems({ it, at }: { readonly it: Import; readonly at: number }) {
  const state = parameter('state') ?? '';
  const code = parameter('code') ?? '';
  const host = parameter('host') ?? '';
  const externalId = parameter('id') ?? '';
  const filter = { state, code, host, externalId };
  const query = { ...filter, after: parameter('after'), limit: PAGE };
  // Of an import that has ended, the list is asked for again only when the import has changed.
  const key = JSON.stringify([it.id, query, it.finished ? it.finishedAt : 'open']);
  const live = useLive(
    key,
    (signal) => api.items(it.id, query, signal),
    () => (it.finished ? null : BUSY_MS),
  );
  const page = live.data.value;
  const { counts } = it;
  return (
    <section aria-labelledby="items" data-at={at}>
      <div class="section-head">
        <h2 id="items">Items</h2>
        <Export it={it} filter={filter} />
      </div>
      <div class="filters">
        <Chips
          label="State"
          chosen={state}
          chips={[
            { value: '', label: 'All', count: count(counts.total) },
            { value: 'failed', label: 'Failed', count: count(counts.failed) },
            { value: 'open', label: 'Open', count: count(counts.open) },
            { value: 'success', label: 'Done', count: count(counts.success) },
            { value: 'skipped', label: 'Skipped', count: count(counts.skipped) },
          ]}
          onChoose={(value) => {
            setQuery({ ...FRESH, state: value });
          }}
        />
        <Causes it={it} code={code} host={host} />
        <Search
          label="Id of an item"
          placeholder="Id, exactly"
          value={externalId}
          onSearch={(value) => {
            setQuery({ ...FRESH, id: value });
          }}
        />
      </div>
      {live.error.value !== null && page === null ? <Failure error={live.error.value} what="list of items" /> : null}
      {page === null && live.error.value === null ? <Skeleton rows={6} /> : null}
      {page?.items.length === 0 ? (
        <Empty title="No item matches these filters">
          <a href={href(`imports/${it.id}`)}>Show all items</a>
        </Empty>
      ) : null}
      {page === null || page.items.length === 0 ? null : (
        <ul class="rows items" aria-label="Items">
          {page.items.map((item) => (
            <ItemRow key={item.seq} id={it.id} item={item} />
          ))}
        </ul>
      )}
      {page === null ? null : (
        <Pager
          shown={page.items.length}
          next={page.next}
          size={PAGE}
          total={totalOf(it, filter)}
          what="Pages of items"
        />
      )}
    </section>
  );
}

interface Filter {
  readonly state: string;
  readonly code: string;
  readonly host: string;
  readonly externalId: string;
}

/** How many items match, as far as the counts of the import tell. */
function totalOf({ counts, failures }: Import, { state, code, host, externalId }: Filter): number | undefined {
  if (externalId !== '') return undefined;
  if (code === '' && host === '') return state === '' ? counts.total : counts[state as Item['state']];
  if (state !== 'failed') return undefined;
  const groups = failures.filter(
    (group) => (code === '' || group.code === code) && (host === '' || group.host === host),
  );
  return groups.reduce((sum, group) => sum + group.count - (group.open ?? 0), 0);
}

/** Cause and host, of those that failed. */
function Causes({ it, code, host }: { readonly it: Import; readonly code: string; readonly host: string }) {
  const codes = [...new Set([...it.failures.map((group) => group.code), ...(code === '' ? [] : [code])])];
  const hosts = [...new Set([...it.failures.map((group) => group.host), ...(host === '' ? [] : [host])])];
  if (codes.length === 0) return null;
  return (
    <>
      <select
        aria-label="Cause"
        value={code}
        onChange={(event) => {
          setQuery({ ...FRESH, code: event.currentTarget.value });
        }}
      >
        <option value="">Every cause</option>
        {codes.map((each) => (
          <option key={each} value={each}>
            {causeOf(each)}
          </option>
        ))}
      </select>
      <select
        aria-label="Host"
        value={host}
        onChange={(event) => {
          setQuery({ ...FRESH, host: event.currentTarget.value });
        }}
      >
        <option value="">Every host</option>
        {hosts.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </>
  );
}

function ItemRow({ id, item }: { readonly id: string; readonly item: Item }) {
  const { seq, externalId, state, code, assetUrl, mimeType } = item;
  const hasFailed = state === 'failed' || (state === 'open' && code !== undefined);
  return (
    <li class="row item-row">
      {assetUrl === undefined || mimeType === undefined ? <NoThumb /> : <Thumb url={assetUrl} mimeType={mimeType} />}
      <StateMark mark={ITEM_MARKS[state]} />
      <span class="item-name">
        <a class="stretched" href={href(`imports/${id}/items/${seq}`)}>
          {externalId}
        </a>
        <span class="dim item-told">{told(item, hasFailed)}</span>
      </span>
      <span class="item-host dim">{item.host ?? ''}</span>
      <span class="item-size number dim">{item.bytes === undefined ? '' : bytes(item.bytes)}</span>
      <span class="item-time dim">
        <Time at={item.updatedAt} />
      </span>
    </li>
  );
}

function told({ code, state, attempts, nextAttemptAt, action, reason }: Item, hasFailed: boolean): string {
  if (hasFailed && code !== undefined) {
    const again = state === 'open' && nextAttemptAt !== undefined ? ', tried again soon' : '';
    return `${causeOf(code)}${attempts > 1 ? `, ${attempts} attempts` : ''}${again}`;
  }
  if (state === 'skipped') return code === undefined ? (reason ?? '') : causeOf(code);
  if (action === 'updated') return 'Updated';
  return state === 'open' && attempts > 0 ? 'Under way' : '';
}

/** The items that the filters leave, as a file that can be corrected and imported again. */
function Export({ it, filter }: { readonly it: Import; readonly filter: Filter }) {
  const isBusy = useSignal(false);
  const save = async (type: string, ending: string) => {
    isBusy.value = true;
    try {
      const include = mayWrite.value ? 'source' : undefined;
      const response = await request(`/imports/${it.id}/items`, {
        query: { ...filter, include },
        headers: { Accept: type },
      });
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = `${it.systemName.replaceAll(/[^\w.-]+/g, '-')}-${it.id}.${ending}`;
      link.click();
      // Browsers read it when the download begins, which is later than the click.
      setTimeout(() => {
        URL.revokeObjectURL(link.href);
      }, 60_000);
      announcement.value = 'Saved the items';
    } catch (error) {
      announcement.value = error instanceof Error ? error.message : 'The items could not be saved';
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <div class="actions">
      <span class="dim small">Export</span>
      <button type="button" disabled={isBusy.value} onClick={() => void save('text/csv', 'csv')}>
        <Icon name="down" /> CSV
      </button>
      <button type="button" disabled={isBusy.value} onClick={() => void save('application/x-ndjson', 'ndjson')}>
        <Icon name="down" /> NDJSON
      </button>
    </div>
  );
}
