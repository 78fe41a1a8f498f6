import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { RequestFailed } from '../api/client.js';
import { isPaused, now, type Live } from '../live.js';
import { ago, clock, exactTime } from '../words/numbers.js';
import { Icon } from './marks.js';

/** Said by screen readers when it changes. */
export const announcement = signal('');

export function Announcer() {
  return (
    <p class="unseen" role="status" aria-live="polite">
      {announcement.value}
    </p>
  );
}

/** A time as people say it, exact when pointed at. */
export function Time({ at }: { readonly at: string | number }) {
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={exactTime(ms)}>
      {ago(ms, now.value)}
    </time>
  );
}

/** Copies a text with one press; also without https, where browsers have no clipboard for pages. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'unseen';
    document.body.append(field);
    field.select();
    // Deprecated, and the only way without https.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const isCopied = document.execCommand('copy');
    field.remove();
    return isCopied;
  }
}

interface CopyProps {
  readonly text: string;
  /** What is copied, for the name of the button: "id". */
  readonly what: string;
  /** Shown instead of the text itself. */
  readonly children?: ComponentChildren;
}

export function Copy({ text, what, children }: CopyProps) {
  const isDone = useSignal(false);
  const copy = async () => {
    isDone.value = await copyText(text);
    announcement.value = isDone.value ? `Copied the ${what}` : `The ${what} could not be copied`;
    setTimeout(() => (isDone.value = false), 1_500);
  };
  return (
    <button type="button" class="copy" title={`Copy the ${what}`} onClick={() => void copy()}>
      <span class="mono">{children ?? text}</span>
      <span class="unseen">, copy the {what}</span>
      <Icon name={isDone.value ? 'check' : 'copy'} />
    </button>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly children?: ComponentChildren;
}

export function Empty({ title, children }: EmptyProps) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** An error of the API where it belongs, with what can be done. */
export function Failure({ error, what }: { readonly error: RequestFailed; readonly what: string }) {
  if (error.status === 404)
    return (
      <Empty title={`There is no ${what} here`}>{<p>It belongs to another project, or is not kept any more.</p>}</Empty>
    );
  const title = error.status === 0 ? 'The service does not answer' : `The ${what} cannot be shown`;
  const todo = error.status === 0 || error.status >= 500 ? 'This page keeps trying.' : error.message;
  return (
    <div class="notice notice-failed" role="alert">
      <strong>{title}</strong>
      <span>{todo}</span>
    </div>
  );
}

/** Grey lines for the first second, so that nothing jumps when the content comes. */
export function Skeleton({ rows }: { readonly rows: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, at) => (
        <i key={at} />
      ))}
    </div>
  );
}

/** How fresh a place is, and the button that stops it. */
export function LiveBar({ live }: { readonly live: Pick<Live<unknown>, 'at' | 'error'> }) {
  const { at, error } = live;
  const age = Math.max(0, Math.round((now.value - at.value) / 1000));
  const told =
    error.value !== null && at.value > 0
      ? `Not reachable, as of ${clock(at.value)}`
      : at.value === 0
        ? 'Loading'
        : isPaused.value
          ? `Stopped, as of ${clock(at.value)}`
          : `Updated ${age < 2 ? 'just now' : `${age} s ago`}`;
  return (
    <div class={`live ${error.value === null ? '' : 'live-lost'}`}>
      <span class={`live-dot ${isPaused.value ? 'is-still' : ''}`} aria-hidden="true" />
      <span class="live-told">{told}</span>
      <button
        type="button"
        class="quiet"
        aria-pressed={isPaused.value}
        onClick={() => (isPaused.value = !isPaused.value)}
      >
        {isPaused.value ? 'Go live' : 'Stop updates'}
      </button>
    </div>
  );
}

interface Chip {
  readonly value: string;
  readonly label: string;
  /** Shown behind the label. */
  readonly count?: string;
}

interface ChipsProps {
  readonly label: string;
  readonly chips: readonly Chip[];
  readonly chosen: string;
  readonly onChoose: (value: string) => void;
}

/** One choice of several, as buttons. */
export function Chips({ label, chips, chosen, onChoose }: ChipsProps) {
  return (
    <div class="chips" role="group" aria-label={label}>
      {chips.map((chip) => (
        <button
          key={chip.value}
          type="button"
          class="chip"
          aria-pressed={chip.value === chosen}
          onClick={() => {
            onChoose(chip.value);
          }}
        >
          {chip.label}
          {chip.count === undefined ? null : <span class="chip-count">{chip.count}</span>}
        </button>
      ))}
    </div>
  );
}

interface SearchProps {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onSearch: (value: string) => void;
}

/** A field that searches on Enter, and when it is emptied. */
export function Search({ label, placeholder, value, onSearch }: SearchProps) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (field.current !== null) field.current.value = value;
  }, [value]);
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(field.current?.value.trim() ?? '');
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label={label}
        placeholder={placeholder}
        defaultValue={value}
        onInput={(event) => {
          if (event.currentTarget.value === '' && value !== '') onSearch('');
        }}
      />
    </form>
  );
}
