import { useSignal } from '@preact/signals';
import type { FailureGroup, Import } from '../api/types.js';
import { announcement } from '../parts/basics.js';
import { Shape } from '../parts/marks.js';
import { href } from '../router.js';
import { mayWrite } from '../session.js';
import { adviceOf, causeOf } from '../words/causes.js';
import { count, counted } from '../words/numbers.js';
import { RetryDialog, type RetryScope } from './retry-dialog.js';

/** Groups that are shown before the rest is asked for. */
const FIRST = 5;

/** What failed, by cause and host, largest first, with the way to try it again. */
export function ImportFailures({ it, onDone }: { readonly it: Import; readonly onDone: () => void }) {
  const scope = useSignal<RetryScope | null>(null);
  const showsAll = useSignal(false);
  const groups = [...it.failures].sort((a, b) => b.count - a.count);
  if (groups.length === 0) return null;
  const { failed } = it.counts;
  const shown = showsAll.value ? groups : groups.slice(0, FIRST);
  return (
    <section aria-labelledby="failures">
      <div class="section-head">
        <h2 id="failures">{failed > 0 ? `${counted(failed, 'item')} failed` : 'Trouble so far'}</h2>
        {failed > 0 && groups.length > 1 && mayWrite.value ? (
          <button
            type="button"
            onClick={() => (scope.value = { selector: { all: true }, count: failed, what: 'every cause' })}
          >
            Try all {count(failed)} again…
          </button>
        ) : null}
      </div>
      <ul class="groups">
        {shown.map((group) => (
          <Group
            key={`${group.code}/${group.host}`}
            it={it}
            group={group}
            onRetry={() => {
              const { code, host, count: size, open = 0 } = group;
              scope.value = {
                selector: { codes: [code], ...(host === '' ? {} : { hosts: [host] }) },
                count: size - open,
                what: causeOf(code),
              };
            }}
          />
        ))}
      </ul>
      {groups.length > FIRST && !showsAll.value ? (
        <button type="button" class="quiet" onClick={() => (showsAll.value = true)}>
          Show {counted(groups.length - FIRST, 'more cause')}
        </button>
      ) : null}
      {scope.value === null ? null : (
        <RetryDialog
          id={it.id}
          scope={scope.value}
          onClose={() => (scope.value = null)}
          onDone={(matched) => {
            announcement.value = `${counted(matched, 'item')} will be tried again`;
            onDone();
          }}
        />
      )}
    </section>
  );
}

interface GroupProps {
  readonly it: Import;
  readonly group: FailureGroup;
  readonly onRetry: () => void;
}

function Group({ it, group, onRetry }: GroupProps) {
  const { code, host, open = 0, retryable, samples } = group;
  const settled = group.count - open;
  return (
    <li class="card group">
      <div class="group-head">
        <span class="group-count number">{count(group.count)}</span>
        <div class="group-cause">
          <h3>{causeOf(code)}</h3>
          <p class="dim">
            {host === '' ? 'No host' : host} · <code>{code}</code> ·{' '}
            {retryable ? 'may succeed when tried again' : 'needs a correction first'}
            {open > 0 ? ` · ${count(open)} of them are still being tried` : ''}
          </p>
        </div>
        {settled > 0 && mayWrite.value ? (
          <button type="button" onClick={onRetry}>
            Try {settled === 1 ? 'it' : `these ${count(settled)}`} again…
          </button>
        ) : null}
      </div>
      <p class="todo">
        <Shape tone="troubled" />
        {adviceOf(code, group.hint)}
      </p>
      {samples.length === 0 ? null : (
        <details>
          <summary>{samples.length === 1 ? 'The item' : `${samples.length} examples`}</summary>
          <ul class="samples">
            {samples.slice(0, 5).map(({ seq, externalId, reason }) => (
              <li key={seq}>
                <a href={href(`imports/${it.id}/items/${seq}`)}>{externalId}</a>
                <span class="dim">{reason}</span>
              </li>
            ))}
          </ul>
          {settled > 0 ? (
            <a href={href(`imports/${it.id}`, { state: 'failed', code, host })}>
              All {count(settled)} in the list of items
            </a>
          ) : null}
        </details>
      )}
    </li>
  );
}
