import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api/client.js';
import type { Host } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Empty, Failure, LiveBar, Skeleton } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { StateMark } from '../parts/marks.js';
import { Pager } from '../parts/pager.js';
import { parameter } from '../router.js';
import { mayOperate } from '../session.js';
import { causeOf } from '../words/causes.js';
import { clock, count, counted } from '../words/numbers.js';
import type { Mark } from '../words/states.js';

const PAGE = 100;
const EVERY_MS = 3_000;

const MARKS: Readonly<Record<Host['state'], Mark>> = {
  cooling: { tone: 'troubled', word: 'Rests' },
  probing: { tone: 'paused', word: 'Being tried' },
  ok: { tone: 'running', word: 'Answers' },
};
const ORDER = ['cooling', 'probing', 'ok'];

type Asked = { readonly verb: 'probe'; readonly host: Host } | { readonly verb: 'limit'; readonly host: Host | null };

/** The hosts that running imports still need: which rest and until when, why, and what an operator can do. */
export function HostsPlace() {
  const asked = useSignal<Asked | null>(null);
  const query = { after: parameter('after'), limit: PAGE };
  const live = useLive(
    JSON.stringify(query),
    (signal) => api.hosts(query, signal),
    () => EVERY_MS,
  );
  const page = live.data.value;
  const hosts = [...(page?.items ?? [])].sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || b.waiting - a.waiting,
  );
  const resting = hosts.filter(({ state }) => state === 'cooling').length;
  useEffect(() => {
    document.title = resting > 0 ? `▲ ${resting} resting · Hosts` : 'Hosts';
  }, [resting]);

  return (
    <>
      <div class="place-head">
        <h1>Hosts</h1>
        <LiveBar live={live} />
      </div>
      <div class="under-head">
        <p class="dim">
          Servers that running imports of this project still fetch from. A host that fails on several addresses in a row
          rests, then one item tries again.
        </p>
        {mayOperate.value ? (
          <div class="actions">
            <button type="button" onClick={() => (asked.value = { verb: 'limit', host: null })}>
              Limit a host…
            </button>
          </div>
        ) : null}
      </div>
      {live.error.value !== null && page === null ? <Failure error={live.error.value} what="list of hosts" /> : null}
      {page === null && live.error.value === null ? <Skeleton rows={4} /> : null}
      {page !== null && hosts.length === 0 ? (
        <Empty title="No host is needed right now">
          <p>Hosts appear here while imports fetch from them.</p>
        </Empty>
      ) : null}
      {hosts.length === 0 ? null : (
        <ul class="rows hosts" aria-label="Hosts">
          {hosts.map((host) => (
            <HostRow key={host.host} host={host} onAsk={(verb) => (asked.value = { verb, host })} />
          ))}
        </ul>
      )}
      {page === null ? null : <Pager shown={hosts.length} next={page.next} size={PAGE} what="Pages of hosts" />}
      {asked.value?.verb === 'probe' ? (
        <ProbeDialog host={asked.value.host} onClose={() => (asked.value = null)} onDone={live.refresh} />
      ) : null}
      {asked.value?.verb === 'limit' ? (
        <LimitDialog host={asked.value.host} onClose={() => (asked.value = null)} onDone={live.refresh} />
      ) : null}
    </>
  );
}

function HostRow({ host, onAsk }: { readonly host: Host; readonly onAsk: (verb: 'probe' | 'limit') => void }) {
  const { override } = host;
  const limits = [
    override?.maxConcurrent === undefined ? '' : `at most ${counted(override.maxConcurrent, 'item')} at a time`,
    override?.ratePerSecond === undefined ? '' : `at most ${override.ratePerSecond} a second`,
  ].filter((limit) => limit !== '');
  return (
    <li class="row host-row">
      <StateMark mark={MARKS[host.state]} />
      <span class="host-name">
        <span class="strong">{host.host}</span>
        <span class="dim">
          {host.state === 'cooling' && host.coolingUntil !== undefined
            ? `until ${clock(Date.parse(host.coolingUntil))}`
            : ''}
          {host.code === undefined ? '' : ` ${causeOf(host.code)}`}
          {limits.length === 0 ? '' : ` · set by an operator: ${limits.join(', ')}`}
        </span>
      </span>
      <span class="number">
        {count(host.waiting)}
        <span class="dim"> waiting</span>
      </span>
      <span class="number">
        {count(host.active)} of {count(host.limit)}
        <span class="dim"> under way</span>
      </span>
      {mayOperate.value ? (
        <span class="actions">
          {host.state === 'ok' ? null : (
            <button
              type="button"
              onClick={() => {
                onAsk('probe');
              }}
            >
              Try now…
            </button>
          )}
          <button
            type="button"
            onClick={() => {
              onAsk('limit');
            }}
          >
            Limit…
          </button>
        </span>
      ) : null}
    </li>
  );
}

interface HostDialogProps {
  readonly host: Host;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function ProbeDialog({ host, onClose, onDone }: HostDialogProps) {
  return (
    <Dialog
      title={`Let ${host.host} be tried now?`}
      verb="Try one item now"
      onClose={onClose}
      onConfirm={async (reason) => {
        await api.probe(host.host, reason);
        announcement.value = `One item tries ${host.host}`;
        onDone();
      }}
    >
      <ul class="points">
        <li>One item is sent now instead of when the pause is over.</li>
        <li>An answer lets all {count(host.waiting)} others follow. A failure starts the next pause.</li>
        <li>This concerns the host for all projects.</li>
      </ul>
    </Dialog>
  );
}

function LimitDialog({ host, onClose, onDone }: Omit<HostDialogProps, 'host'> & { readonly host: Host | null }) {
  const name = useSignal(host?.host ?? '');
  const concurrent = useSignal(host?.override?.maxConcurrent?.toString() ?? '');
  const perSecond = useSignal(host?.override?.ratePerSecond?.toString() ?? '');
  const isLift = concurrent.value === '' && perSecond.value === '';
  return (
    <Dialog
      title={host === null ? 'Limit a host' : `Limit ${host.host}`}
      verb={isLift ? 'Lift the limit' : 'Set the limit'}
      isReady={name.value.trim() !== '' && (!isLift || host === null || host.override !== undefined)}
      onClose={onClose}
      onConfirm={async (reason) => {
        const limit = {
          ...(concurrent.value === '' ? {} : { maxConcurrent: Number(concurrent.value) }),
          ...(perSecond.value === '' ? {} : { ratePerSecond: Number(perSecond.value) }),
        };
        await api.limit(name.value.trim().toLowerCase(), limit, reason);
        announcement.value = isLift ? 'The limit is lifted' : 'The limit is set';
        onDone();
      }}
    >
      {host === null ? (
        <label class="field">
          <span>Host name</span>
          <input
            type="text"
            required
            spellcheck={false}
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
      ) : null}
      <div class="field-pair">
        <label class="field">
          <span>Items at a time</span>
          <input
            type="number"
            min={1}
            inputMode="numeric"
            value={concurrent.value}
            onInput={(event) => (concurrent.value = event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Requests a second</span>
          <input
            type="number"
            min={0}
            step="any"
            inputMode="decimal"
            value={perSecond.value}
            onInput={(event) => (perSecond.value = event.currentTarget.value)}
          />
        </label>
      </div>
      <ul class="points">
        <li>Holds for all projects and all workers, until it is lifted. Leave both empty to lift it.</li>
        <li>Items that are under way finish.</li>
      </ul>
    </Dialog>
  );
}
