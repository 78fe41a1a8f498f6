import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { readClaims, signedOutBecause, signIn } from '../session.js';

/** The first page of everybody: a token, kept for this tab alone. */
export function SignInPlace() {
  const problem = useSignal<string | null>(null);
  useEffect(() => {
    document.title = 'Sign in · durable-import';
  }, []);
  const because = problem.value ?? signedOutBecause.value;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const entered = new FormData(form).get('token');
    const text = (typeof entered === 'string' ? entered : '').trim().replace(/^bearer\s+/i, '');
    const claims = readClaims(text);
    if (claims === null) problem.value = 'This is not an access token. It has three parts with dots between them';
    else if (claims.expiresAt !== null && claims.expiresAt < Date.now())
      problem.value = 'This token has expired. Ask for a new one';
    else signIn(text);
  };

  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <svg viewBox="0 0 32 32" width="40" height="40" aria-hidden="true">
          <rect width="32" height="32" rx="8" class="brand-ground" />
          <path d="M16 7v11m0 0-5-5m5 5 5-5M8 24h16" class="brand-line" />
        </svg>
        <h1>Sign in</h1>
        <p class="dim">Paste the access token that you got from the operator of this service.</p>
        <label class="field">
          <span>Access token</span>
          <input
            type="password"
            name="token"
            required
            autocomplete="off"
            spellcheck={false}
            aria-describedby="why"
            autofocus
          />
        </label>
        <p id="why" class={because === null ? 'unseen' : 'notice notice-failed'} role="alert">
          {because}
        </p>
        <button type="submit" class="primary">
          Sign in
        </button>
        <p class="dim small">The token stays in this tab and is forgotten when you close it.</p>
        <details class="small">
          <summary>Where do I get one?</summary>
          <p>
            <code>npm start</code> prints one. Anywhere else an operator makes one with
          </p>
          <p>
            <code class="block">
              durable-import token create --project ID --scope "public-api:read public-api:write"
            </code>
          </p>
        </details>
      </form>
    </main>
  );
}
