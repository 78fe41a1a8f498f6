/** Numbers and times as a reader says them. English, with a comma for thousands, whatever the browser's language: the page is English. */

const whole = new Intl.NumberFormat('en');

/** `2,140`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 item`, `2,140 items`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `840 bytes`, `1.2 MB`: decimal units, as systems and clouds show them. */
export function bytes(value: number): string {
  let unit = 0;
  let amount = value;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  if (unit === 0) return counted(value, 'byte');
  return `${amount < 9.95 ? amount.toFixed(1) : String(Math.round(amount))} ${UNITS[unit] ?? ''}`;
}

/** `0.4`, `12`, `1,240`: one decimal below ten. */
export function rate(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(Math.round(value));
}

/** Never 100 before all is done, and never 0 once something is. */
export function percent(part: number, total: number): number {
  if (total === 0 || part >= total) return 100;
  return part === 0 ? 0 : Math.min(99, Math.max(1, Math.round((part / total) * 100)));
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long something took or takes, to one unit or two: `0.4 s`, `12 s`, `4 min`, `2 h 10 min`, `3 days`. */
export function duration(ms: number): string {
  if (ms < 950) return ms < 50 ? `${Math.round(ms)} ms` : `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE - 500) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR - MINUTE / 2) return `${Math.round(ms / MINUTE)} min`;
  if (ms < DAY) {
    const hours = Math.floor(ms / HOUR);
    const minutes = Math.round((ms - hours * HOUR) / MINUTE);
    if (minutes === 60) return `${hours + 1} h`;
    return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  }
  return counted(Math.round(ms / DAY), 'day');
}

/** The length of a recording as players show it: `0:07`, `12:40`, `1:02:03`. */
export function playingTime(seconds: number): string {
  const all = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor((all % 3600) / 60), all % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** How long ago: `just now`, `40 s ago`, `3 min ago`, `2 h ago`, `yesterday`, `5 days ago`, then the date. */
export function ago(at: number, now: number): string {
  const ms = now - at;
  if (ms < 2 * SECOND) return 'just now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  if (ms < 2 * DAY) return 'yesterday';
  return ms < 7 * DAY ? `${Math.floor(ms / DAY)} days ago` : day(at);
}

/** `27 Nov 2026`. */
function day(at: number): string {
  return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** `12:03`, in the reader's time zone. */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

/** `27 Nov 2026, 12:03:20`, in the reader's time zone. */
export function exactTime(at: number): string {
  return `${day(at)}, ${new Date(at).toLocaleTimeString('en-GB')}`;
}
