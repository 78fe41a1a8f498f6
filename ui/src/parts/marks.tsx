import type { Mark, Tone } from '../words/states.js';

/** One shape for each tone, so that a state can be told without its colour. */
const SHAPES: Readonly<Record<Tone, string>> = {
  running: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Z',
  paused: 'M2.5 1.5h2.5v9H2.5zM7 1.5h2.5v9H7z',
  troubled: 'M6 1 11.5 10.8H.5Z',
  done: 'm1.2 6.4 1.5-1.6 2.2 2.1 4.4-4.7 1.5 1.4-5.9 6.2Z',
  failed: 'M2.8 1.4 6 4.6l3.2-3.2 1.4 1.4L7.4 6l3.2 3.2-1.4 1.4L6 7.4l-3.2 3.2-1.4-1.4L4.6 6 1.4 2.8Z',
  skipped: 'M1.5 4.9h9v2.2h-9z',
  open: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm0 1.6a2.9 2.9 0 1 1 0 5.8 2.9 2.9 0 0 1 0-5.8Z',
};

export function Shape({ tone }: { readonly tone: Tone }) {
  return (
    <svg class={`shape tone-${tone}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      <path d={SHAPES[tone]} fill="currentColor" />
    </svg>
  );
}

export function StateMark({ mark }: { readonly mark: Mark }) {
  return (
    <span class={`state tone-${mark.tone}`}>
      <Shape tone={mark.tone} />
      {mark.word}
    </span>
  );
}

/** Drawings of the page, 16 by 16, drawn as lines. */
const ICONS = {
  copy: 'M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z',
  check: 'm3 8.5 3.2 3L13 4.5',
  close: 'm4 4 8 8m0-8-8 8',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.3 7.8 3.2 3.2',
  play: 'M5 3.5v9l7.5-4.5Z',
  file: 'M4 1.5h5l3 3v10H4zm5 0v3h3',
  sound:
    'M6 12.5v-9l6.5-1.5v9M6 12.5a1.8 1.8 0 1 1-3.6 0 1.8 1.8 0 0 1 3.6 0Zm6.5-1.5a1.8 1.8 0 1 1-3.6 0 1.8 1.8 0 0 1 3.6 0Z',
  picture: 'M2 3h12v10H2zm0 8 3.5-3.5 3 3 2-2L14 12M10.8 6a.8.8 0 1 1 0-.1Z',
  away: 'M6.5 3.5h-3v9h9v-3M9 3h4v4m0-4L7.5 8.5',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  person: 'M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4ZM2.8 13.5c.6-2.6 2.6-4 5.2-4s4.6 1.4 5.2 4',
  down: 'M8 2.5v8m0 0L4.8 7.3M8 10.5l3.2-3.2M3 13.5h10',
} as const;

export type IconName = keyof typeof ICONS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={ICONS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.4"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
