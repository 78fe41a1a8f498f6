import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, RequestFailed } from '../api/client.js';
import type { Item, RetryPlan, RetrySelector } from '../api/types.js';
import { Dialog } from '../parts/dialog.js';
import { causeOf } from '../words/causes.js';
import { count, counted } from '../words/numbers.js';

/** Which failed items are to be tried again. */
export interface RetryScope {
  readonly selector: RetrySelector;
  readonly count: number;
  readonly what: string;
}

/** So many addresses fit a dialog; more are corrected in a table of their own. */
const CORRECTABLE = 20;

interface RetryProps {
  readonly id: string;
  readonly scope: RetryScope;
  readonly onClose: () => void;
  readonly onDone: (matched: number) => void;
}

/** Says what a retry would do before it does it, and lets the addresses of a few items be corrected. */
export function RetryDialog({ id, scope, onClose, onDone }: RetryProps) {
  const plan = useSignal<RetryPlan | null>(null);
  const items = useSignal<readonly Item[]>([]);
  const urls = useSignal<Readonly<Record<number, string>>>({});
  const problem = useSignal<string | null>(null);
  const matched = plan.value?.matched ?? 0;

  useEffect(() => {
    const ask = async () => {
      try {
        const found = await api.planRetry(id, scope.selector);
        plan.value = found;
        if (found.matched === 0 || found.matched > CORRECTABLE) return;
        // The retry works without them, so that it does not fail with them.
        items.value = await itemsOf(id, scope.selector).catch(() => []);
      } catch (error) {
        problem.value = error instanceof RequestFailed ? error.message : String(error);
      }
    };
    void ask();
  }, []);

  const changed = items.value.filter(({ seq, url }) => urls.value[seq] !== undefined && urls.value[seq] !== url);
  const confirm = async (reason: string) => {
    const corrections = changed.map(({ seq }) => ({ seq, url: urls.value[seq] ?? '' }));
    const rest = items.value.filter((item) => !changed.includes(item)).map(({ seq }) => ({ seq }));
    const selector = corrections.length === 0 ? scope.selector : { items: [...corrections, ...rest] };
    const { matched: taken } = await api.retry(id, selector, reason);
    onDone(taken);
  };

  return (
    <Dialog
      title={`Try ${counted(scope.count, 'item')} again?`}
      verb={`Try ${count(matched)} again`}
      isReady={plan.value !== null && matched > 0}
      isWide={items.value.length > 0}
      onClose={onClose}
      onConfirm={confirm}
    >
      {problem.value === null ? null : (
        <p class="notice notice-failed" role="alert">
          {problem.value}
        </p>
      )}
      {plan.value === null && problem.value === null ? <p class="dim">Looking at what would happen</p> : null}
      {plan.value === null ? null : <PlanTold plan={plan.value} />}
      {items.value.length === 0 ? null : (
        <fieldset class="corrections">
          <legend>Correct the addresses here, or leave them as they are</legend>
          {items.value.map(({ seq, externalId, url = '', code = '' }) => (
            <label key={seq} class="field">
              <span>
                {externalId} <span class="dim">{causeOf(code)}</span>
              </span>
              <input
                type="url"
                class="mono"
                required
                spellcheck={false}
                value={urls.value[seq] ?? url}
                onInput={(event) => (urls.value = { ...urls.value, [seq]: event.currentTarget.value })}
              />
            </label>
          ))}
        </fieldset>
      )}
    </Dialog>
  );
}

function PlanTold({ plan }: { readonly plan: RetryPlan }) {
  const cannot = plan.notEligible.reduce((sum, each) => sum + each.count, 0);
  return (
    <div class="plan">
      <p>
        <strong class="number">{count(plan.matched)}</strong> will run
        {cannot === 0 ? '' : `, ${count(cannot)} cannot`}. The import is open again meanwhile, and its end sends a new
        webhook.
      </p>
      {cannot === 0 ? null : (
        <ul class="points">
          {plan.notEligible.map(({ code, count: size, why }) => (
            <li key={code}>
              {count(size)}: {why}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The few items of a retry, with their addresses. */
async function itemsOf(id: string, { codes, hosts, items }: RetrySelector): Promise<readonly Item[]> {
  const query = { state: 'failed', code: codes?.[0], host: hosts?.[0], include: 'source', limit: CORRECTABLE };
  if (items === undefined) return (await api.items(id, query)).items;
  const wanted = new Set(items.map(({ seq }) => seq));
  const first = Math.min(...wanted);
  const after = first === 0 ? undefined : first - 1;
  const page = await api.items(id, { include: 'source', after, limit: wanted.size });
  return page.items.filter(({ seq }) => wanted.has(seq));
}
