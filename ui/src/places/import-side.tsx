import { useSignal } from '@preact/signals';
import { api, RequestFailed } from '../api/client.js';
import type { Action, Delivery, Import } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Copy, Time } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { Icon, StateMark } from '../parts/marks.js';
import { mayWrite } from '../session.js';
import { duration, exactTime } from '../words/numbers.js';
import type { Mark } from '../words/states.js';

const PRIORITIES = ['', 'most urgent', 'urgent', 'usual', 'less urgent', 'least urgent'];
const ACTIONS: Readonly<Record<string, string>> = {
  pause: 'paused it',
  resume: 'resumed it',
  cancel: 'cancelled it',
  retry: 'tried items again',
  redeliver: 'sent the webhook again',
};

/** Facts about an import: where it came from, its webhook, what was done to it, and where to look deeper. */
export function ImportSide({ it }: { readonly it: Import }) {
  const { protocol, host } = window.location;
  const curl = `curl -H "Authorization: Bearer $TOKEN" ${protocol}//${host}/api/v1/imports/${it.id}`;
  return (
    <aside class="side" aria-label="About this import">
      <section class="card">
        <h2>About</h2>
        <dl class="facts">
          <dt>System</dt>
          <dd>{it.systemName}</dd>
          <dt>Accepted</dt>
          <dd>{exactTime(Date.parse(it.createdAt))}</dd>
          {it.finishedAt === null ? null : (
            <>
              <dt>Ended</dt>
              <dd>{exactTime(Date.parse(it.finishedAt))}</dd>
              <dt>Took</dt>
              <dd>{duration(Date.parse(it.finishedAt) - Date.parse(it.startedAt ?? it.createdAt))}</dd>
            </>
          )}
          <dt>Priority</dt>
          <dd>
            {it.priority}, {PRIORITIES[it.priority] ?? ''}
          </dd>
        </dl>
        {it.workflow.url === null ? null : (
          <p>
            <a href={it.workflow.url} target="_blank" rel="noopener noreferrer">
              Open in the Temporal UI <Icon name="away" />
            </a>
          </p>
        )}
        <p class="small">
          <Copy text={curl} what="command that asks for this import">
            curl command
          </Copy>
        </p>
      </section>
      <Deliveries it={it} />
      <Log actions={it.actions ?? []} />
    </aside>
  );
}

const DELIVERY_MARKS: Readonly<Record<Delivery['state'], Mark>> = {
  pending: { tone: 'running', word: 'Being delivered' },
  delivered: { tone: 'done', word: 'Delivered' },
  exhausted: { tone: 'failed', word: 'Given up' },
  disabled: { tone: 'failed', word: 'Turned off by the receiver' },
};
const PENDING_MS = 5_000;

function Deliveries({ it }: { readonly it: Import }) {
  const asks = useSignal(false);
  const live = useLive(
    `${it.id}/${it.finishedAt ?? ''}`,
    (signal) => api.deliveries(it.id, signal),
    ({ items }) => (items.some(({ state }) => state === 'pending') ? PENDING_MS : null),
  );
  const messages = live.data.value?.items ?? [];
  if (live.error.value !== null && live.data.value === null) return null;
  return (
    <section class="card">
      <h2>Webhook</h2>
      {messages.length === 0 ? (
        <p class="dim">
          {it.finished ? 'No webhook was asked for.' : 'Sent when the import has ended, if one was asked for.'}
        </p>
      ) : null}
      <ul class="messages">
        {messages.map((message) => (
          <li key={message.webhookId}>
            <StateMark mark={DELIVERY_MARKS[message.state]} />
            <p class="small">
              <Copy text={message.webhookId} what="id of the message" />
            </p>
            {message.nextAttemptAt === undefined ? null : (
              <p class="small dim">Next attempt at {exactTime(Date.parse(message.nextAttemptAt))}</p>
            )}
            <ol class="tries">
              {message.attempts.map((attempt) => (
                <li key={attempt.at}>
                  <Time at={attempt.at} />
                  <span>{attempt.error ?? `answered ${attempt.status ?? 'nothing'}`}</span>
                  <span class="dim">{attempt.durationMs === undefined ? '' : duration(attempt.durationMs)}</span>
                </li>
              ))}
            </ol>
          </li>
        ))}
      </ul>
      {messages.length > 0 && mayWrite.value ? (
        <button type="button" onClick={() => (asks.value = true)}>
          Send it again…
        </button>
      ) : null}
      {asks.value ? (
        <Dialog
          title="Send the webhook again?"
          verb="Send it again"
          onClose={() => (asks.value = false)}
          onConfirm={async (reason) => {
            await api.redeliver(it.id, reason);
            announcement.value = 'The webhook is sent again';
            live.refresh();
          }}
        >
          <ul class="points">
            <li>The latest message is sent with the same id and the same body, byte for byte.</li>
            <li>A receiver that keeps ids sees that it had it before. The schedule of attempts begins anew.</li>
          </ul>
        </Dialog>
      ) : null}
      {live.error.value instanceof RequestFailed ? <p class="small dim">{live.error.value.message}</p> : null}
    </section>
  );
}

function Log({ actions }: { readonly actions: readonly Action[] }) {
  return (
    <section class="card">
      <h2>Log</h2>
      {actions.length === 0 ? <p class="dim">Nobody has stepped in.</p> : null}
      <ol class="log">
        {[...actions].reverse().map(({ at, by, action, reason }) => (
          <li key={`${at}/${action}`}>
            <span>
              <strong>{by.name ?? by.jti}</strong> {ACTIONS[action] ?? action}
            </span>
            <span class="dim small">
              <Time at={at} />
            </span>
            {reason === undefined ? null : <q>{reason}</q>}
          </li>
        ))}
      </ol>
    </section>
  );
}
