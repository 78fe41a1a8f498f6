/** A contender cannot take part on this machine; the message is the reason that is printed. */
export class Missing extends Error {
  override readonly name = 'Missing';
}
