/**
 * C0 and C1 controls with DEL, the line and paragraph separators, and the bidirectional controls of Unicode (UAX #9 section 2):
 * a terminal acts on the first, and the last make a text look like another one.
 */
const CONTROLS = /[\u0000-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/g;
/** What our own texts lay themselves out with. */
const LAYOUT = /^[\n\t]$/;

/**
 * Escapes an untrusted value for one line of a terminal or a log: every control character becomes `\uXXXX`. JSON text keeps its
 * value, because escaped controls only occur inside its strings.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** As `escapeControls` for a text of our own, whose line breaks and tabs stay. Values in it are escaped where they are put in. */
export function escapeAllButLayout(text: string): string {
  return text.replace(CONTROLS, (character) => (LAYOUT.test(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
