import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api, RequestFailed } from '../api/client.js';
import * as draft from '../lines/draft.js';
import { byKind, withRepairs, type KindChoice } from '../lines/table.js';
import { announcement, Chips, Empty } from '../parts/basics.js';
import { go, href } from '../router.js';
import { mayWrite } from '../session.js';
import { count, counted } from '../words/numbers.js';
import { LineTable } from './line-table.js';

/** Paste or drop, see every problem beside its cell, start. */
export function NewImportPlace() {
  const hasRows = draft.rows.value.length > 0;
  useEffect(() => {
    document.title = 'New import';
  }, []);
  useEffect(() => {
    if (draft.systemName.peek() !== '') return;
    // Most import into the system that was imported into last.
    api.imports({ limit: 1 }).then(
      ({ items }) => {
        if (draft.systemName.peek() === '') draft.systemName.value = items[0]?.systemName ?? '';
      },
      () => undefined,
    );
  }, []);
  if (!mayWrite.value)
    return (
      <>
        <h1>New import</h1>
        <Empty title="This token may read only">
          <p>
            Starting an import needs the scope <code>public-api:write</code>. Ask the operator for a token that has it.
          </p>
        </Empty>
      </>
    );
  return (
    <>
      <div class="place-head">
        <h1>New import</h1>
        {hasRows ? (
          <div class="actions">
            <button type="button" class="quiet" onClick={draft.clearDraft}>
              Start over
            </button>
          </div>
        ) : null}
      </div>
      <Source isSmall={hasRows} />
      {hasRows ? (
        <>
          <Settings />
          <LineTable />
          <StartBar />
        </>
      ) : null}
    </>
  );
}

/** The field that takes everything: addresses, tables, files. */
function Source({ isSmall }: { readonly isSmall: boolean }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const isOver = useSignal(false);
  const told = useSignal<string | null>(null);

  const take = (text: string, from: string): void => {
    const lines = draft.addText(text);
    told.value = lines === 0 ? `There are no addresses in ${from}` : null;
    announcement.value = lines === 0 ? (told.value ?? '') : `${counted(lines, 'line')} read from ${from}`;
    if (lines > 0 && field.current !== null) field.current.value = '';
  };
  const takeFiles = async (files: FileList | null | undefined): Promise<void> => {
    for (const file of files ?? []) {
      told.value = `Reading ${file.name}`;
      take(await file.text(), file.name);
    }
  };

  return (
    <section
      class={`source ${isSmall ? 'is-small' : ''} ${isOver.value ? 'is-over' : ''}`}
      aria-label="Addresses"
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => (isOver.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        void takeFiles(event.dataTransfer?.files);
      }}
    >
      <textarea
        ref={field}
        aria-label="URLs, one a line, or a table"
        aria-describedby="source-help"
        rows={isSmall ? 2 : 10}
        spellcheck={false}
        placeholder={
          isSmall
            ? 'Paste more'
            : 'https://cdn.example.com/films/opening.mp4\nhttps://cdn.example.com/photos/harbour.jpg'
        }
        onPaste={(event) => {
          const text = event.clipboardData?.getData('text/plain') ?? '';
          // Part of a line is being put together by hand.
          if (event.currentTarget.value.trim() !== '' || text.trim() === '') return;
          event.preventDefault();
          take(text, 'what you pasted');
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) take(event.currentTarget.value, 'the field');
        }}
      />
      <div class="source-foot">
        <p id="source-help" class="dim">
          {isSmall
            ? 'More lines are added below.'
            : 'Paste URLs, one a line, or a table with a column "url". Or drop a CSV, NDJSON or JSON file of any size. Everything is checked before anything starts.'}
        </p>
        <div class="actions">
          <label class="button">
            Choose a file
            <input
              type="file"
              class="unseen"
              multiple
              accept=".csv,.tsv,.txt,.ndjson,.jsonl,.json"
              onChange={(event) => {
                const input = event.currentTarget;
                void takeFiles(input.files).then(() => (input.value = ''));
              }}
            />
          </label>
          <button
            type="button"
            class={isSmall ? '' : 'primary'}
            onClick={() => {
              take(field.current?.value ?? '', 'the field');
            }}
          >
            {isSmall ? 'Add' : 'Check these'}
          </button>
        </div>
      </div>
      {told.value === null ? null : (
        <p class="notice" role="status">
          {told.value}
        </p>
      )}
    </section>
  );
}

/** What the import says beside its lines. */
function Settings() {
  const problems = draft.envelopeProblems.value;
  const kinds = byKind(draft.rows.value, 'by-type');
  return (
    <section class="settings" aria-label="Settings of the import">
      <label class="field">
        <span>
          System <span class="dim">where these ids belong</span>
        </span>
        <input
          type="text"
          required
          maxLength={200}
          value={draft.systemName.value}
          aria-invalid={problems['systemName'] !== undefined}
          onInput={(event) => {
            draft.systemName.value = event.currentTarget.value;
            draft.envelopeProblems.value = {};
          }}
        />
        <Problem text={problems['systemName']} />
      </label>
      <div class="field">
        <span id="as">Import as</span>
        <Chips
          label="Import as"
          chosen={draft.choice.value}
          chips={[
            {
              value: 'by-type',
              label: kinds.length > 1 ? `Sorted by type (${kinds.length} imports)` : 'Sorted by type',
            },
            { value: 'video', label: 'Videos' },
            { value: 'image', label: 'Images' },
            { value: 'file', label: 'Files' },
          ]}
          onChoose={(value) => {
            draft.choose(value as KindChoice);
          }}
        />
      </div>
      <details class="more" open={problems['webhook'] !== undefined || problems['context'] !== undefined}>
        <summary>Webhook, priority</summary>
        <div class="field-pair">
          <label class="field">
            <span>
              Webhook <span class="dim">told when the import has ended</span>
            </span>
            <input
              type="url"
              class="mono"
              placeholder="https://"
              value={draft.webhook.value}
              onChange={(event) => {
                draft.webhook.value = event.currentTarget.value;
                draft.touchEnvelope();
              }}
            />
            <Problem text={problems['webhook']} />
          </label>
          <label class="field">
            <span>
              Context <span class="dim">a JSON object for the webhook</span>
            </span>
            <input
              type="text"
              class="mono"
              placeholder="{}"
              value={draft.context.value}
              onChange={(event) => {
                draft.context.value = event.currentTarget.value;
                draft.touchEnvelope();
              }}
            />
            <Problem text={problems['context']} />
          </label>
          <label class="field">
            <span>Priority</span>
            <select
              value={String(draft.priority.value)}
              onChange={(event) => (draft.priority.value = Number(event.currentTarget.value))}
            >
              <option value="3">Usual</option>
              <option value="4">Less urgent</option>
              <option value="5">Least urgent</option>
            </select>
          </label>
        </div>
      </details>
    </section>
  );
}

function Problem({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : <span class="problem">{text}</span>;
}

/** How many lines are good, and the button that starts with them. */
function StartBar() {
  const isBusy = useSignal(false);
  const good = draft.good.value.length;
  const bad = draft.bad.value.length;
  const waiting = draft.unchecked.value.length;
  const imports = byKind(draft.good.value, draft.choice.value).length;
  const repairable = draft.repairable.value.length;
  const isNamed = draft.systemName.value.trim() !== '';

  const start = async () => {
    isBusy.value = true;
    draft.trouble.value = null;
    try {
      // The press itself may have ended the editing of a cell.
      await draft.check();
      if (draft.unchecked.value.length > 0 || draft.bad.value.length > bad) return;
      const ids = await draft.start();
      if (ids === null) return;
      const system = draft.systemName.value.trim();
      draft.clearDraft();
      announcement.value = ids.length === 1 ? 'The import has started' : `${ids.length} imports have started`;
      go(ids.length === 1 ? href(`imports/${ids[0] ?? ''}`) : href('', { system }));
    } catch (error) {
      draft.trouble.value = error instanceof RequestFailed ? error.message : String(error);
    } finally {
      isBusy.value = false;
    }
  };

  const label =
    bad === 0 ? `Start ${counted(good, 'item')}` : `Start with ${counted(good, 'good line')}, leave out ${count(bad)}`;
  const why = !isNamed
    ? 'Name the system first'
    : imports > 1
      ? `They become ${imports} imports, one for each kind`
      : '';
  return (
    <div class="start-bar">
      <p role="status">
        {waiting > 0 ? (
          <>Checking, {counted(waiting, 'line')} to go</>
        ) : (
          <>
            <strong class="number">{count(good)}</strong> good
            {bad === 0 ? '' : <span class="problem">, {count(bad)} with a problem</span>}
          </>
        )}
        {why === '' || waiting > 0 ? null : <span class="dim"> · {why}</span>}
        {draft.trouble.value === null ? null : <span class="problem"> · {draft.trouble.value}</span>}
      </p>
      <div class="actions">
        {repairable > 0 ? (
          <button type="button" onClick={() => (draft.rows.value = withRepairs(draft.rows.value))}>
            Repair {counted(repairable, 'address', 'addresses')}
          </button>
        ) : null}
        <button
          type="button"
          class="primary"
          disabled={good === 0 || isBusy.value || !isNamed}
          onClick={() => void start()}
        >
          {isBusy.value ? 'Starting' : label}
        </button>
      </div>
    </div>
  );
}
