const MIB = 1024 * 1024;

/** `16 KiB`, `1 MiB`, `5 GiB`. */
export function size(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${round(bytes / (1024 * MIB), 1)} GiB`;
  if (bytes >= MIB) return `${round(bytes / MIB, 1)} MiB`;
  return `${round(bytes / 1024, 1)} KiB`;
}

/** Whole MiB, for columns of memory. */
export function mib(bytes: number): string {
  return count(bytes / MIB);
}

/** A whole number with its thousands apart. */
export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–';
}

/** With so many digits after the point at most. */
export function round(value: number, digits: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(digits))) : '–';
}
