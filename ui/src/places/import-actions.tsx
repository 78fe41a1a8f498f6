import { useSignal } from '@preact/signals';
import { api } from '../api/client.js';
import type { Import } from '../api/types.js';
import { announcement } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { mayWrite } from '../session.js';
import { count, counted } from '../words/numbers.js';

type Verb = 'pause' | 'resume' | 'cancel';

const VERBS: Readonly<Record<Verb, { readonly button: string; readonly done: string }>> = {
  pause: { button: 'Pause', done: 'Paused' },
  resume: { button: 'Resume', done: 'Resumed' },
  cancel: { button: 'Cancel import', done: 'Cancelled' },
};

/** What fits the state of the import; each asks first and says exactly what will happen. */
export function ImportActions({ it, onDone }: { readonly it: Import; readonly onDone: () => void }) {
  const asked = useSignal<Verb | null>(null);
  if (!mayWrite.value || it.finished) return null;
  const verbs: readonly Verb[] = it.state === 'paused' ? ['resume', 'cancel'] : ['pause', 'cancel'];
  return (
    <div class="actions">
      {verbs.map((verb) => (
        <button key={verb} type="button" onClick={() => (asked.value = verb)}>
          {VERBS[verb].button}
        </button>
      ))}
      {asked.value === null ? null : (
        <ActionDialog
          verb={asked.value}
          it={it}
          onClose={() => (asked.value = null)}
          onDone={(verb) => {
            announcement.value = VERBS[verb].done;
            onDone();
          }}
        />
      )}
    </div>
  );
}

interface ActionProps {
  readonly verb: Verb;
  readonly it: Import;
  readonly onClose: () => void;
  readonly onDone: (verb: Verb) => void;
}

function ActionDialog({ verb, it, onClose, onDone }: ActionProps) {
  const { open } = it.counts;
  const titles: Readonly<Record<Verb, string>> = {
    pause: 'Pause this import?',
    resume: 'Resume this import?',
    cancel: 'Cancel this import?',
  };
  const verbs: Readonly<Record<Verb, string>> = {
    pause: 'Pause',
    resume: `Resume ${counted(open, 'item')}`,
    cancel: `Cancel ${counted(open, 'item')}`,
  };
  return (
    <Dialog
      title={titles[verb]}
      verb={verbs[verb]}
      isHarmful={verb === 'cancel'}
      onClose={onClose}
      onConfirm={async (reason) => {
        await api.act(it.id, verb, reason);
        onDone(verb);
      }}
    >
      <ul class="points">
        {points(verb, it).map((point) => (
          <li key={point}>{point}</li>
        ))}
      </ul>
    </Dialog>
  );
}

function points(verb: Verb, { counts, waitingFor }: Import): readonly string[] {
  const open = counted(counts.open, 'item');
  const kept = counts.success + counts.skipped;
  switch (verb) {
    case 'pause':
      return [
        'Items that are under way finish, which takes up to a minute.',
        `Nothing new starts. ${open} wait until somebody resumes the import, without a deadline.`,
        'No webhook is sent while it is paused.',
      ];
    case 'resume':
      return [
        `The ${open} that are open start again at once.`,
        ...(waitingFor.length > 0 ? ['Hosts that rest are still waited for.'] : []),
      ];
    case 'cancel':
      return [
        `${open} that are open end as failed with the cause "cancelled". What is being received is thrown away.`,
        kept === 0 ? 'Nothing was stored yet.' : `${count(kept)} that are done stay in the library.`,
        'The import ends, and its webhook says that it failed. Single items can be tried again later.',
      ];
  }
}
