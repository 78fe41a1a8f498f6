import { InvalidArgumentError } from 'commander';

/** Project ids are part of workflow ids, where a slash would let one project name another's workflow. */
export function parseProject(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must have 1 to 64 letters, digits, _ or -.');
}
