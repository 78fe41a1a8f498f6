import { computed, signal } from '@preact/signals';

/** What the token says about its bearer. Read for display only: the service decides. */
export interface Claims {
  readonly projectId: string;
  readonly name: string | null;
  readonly scopes: ReadonlySet<string>;
  /** Milliseconds since 1970; null when the token does not say. */
  readonly expiresAt: number | null;
}

/** The tab forgets it when it is closed, and no other tab sees it. */
const KEY = 'durable-import.token';

const token = signal<string | null>(sessionStorage.getItem(KEY));
/** Why the last token was given up; shown on the sign-in page. */
export const signedOutBecause = signal<string | null>(null);

export const claims = computed(() => (token.value === null ? null : readClaims(token.value)));
export const isSignedIn = computed(() => token.value !== null);
export const mayWrite = computed(() => claims.value?.scopes.has('public-api:write') ?? false);
export const mayOperate = computed(() => claims.value?.scopes.has('operations') ?? false);

export function currentToken(): string {
  return token.value ?? '';
}

export function signIn(text: string): void {
  sessionStorage.setItem(KEY, text);
  signedOutBecause.value = null;
  token.value = text;
}

export function signOut(because: string | null = null): void {
  sessionStorage.removeItem(KEY);
  signedOutBecause.value = because;
  token.value = null;
}

/** The claims of a JWT; null for what is none. */
export function readClaims(text: string): Claims | null {
  try {
    const part = (text.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    const payload = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
    const { projectId, name, scope, exp } = payload;
    if (typeof projectId !== 'string' && typeof projectId !== 'number') return null;
    return {
      projectId: String(projectId),
      name: typeof name === 'string' ? name : null,
      scopes: new Set(typeof scope === 'string' ? scope.split(' ') : []),
      expiresAt: typeof exp === 'number' ? exp * 1000 : null,
    };
  } catch {
    return null;
  }
}
