import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { RequestFailed } from '../api/client.js';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  /** What the last button does, as its label, and whether it takes something away. */
  readonly verb: string;
  readonly isHarmful?: boolean;
  readonly isReady?: boolean;
  /** Asks for a reason, which is kept with the action. */
  readonly asksReason?: boolean;
  readonly isWide?: boolean;
  /** Answers when it is done; what it throws is shown and the dialog stays. */
  readonly onConfirm: (reason: string) => Promise<void>;
}

/** A question in front of an action: what will happen, why, and one button that says it. */
export function Dialog({ title, onClose, children, verb, onConfirm, ...rest }: DialogProps) {
  const { isHarmful = false, isReady = true, asksReason = true, isWide = false } = rest;
  const element = useRef<HTMLDialogElement>(null);
  const isBusy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const reason = useSignal('');
  const id = useId();

  useEffect(() => {
    const dialog = element.current;
    const opener = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);

  const confirm = async () => {
    isBusy.value = true;
    problem.value = null;
    try {
      await onConfirm(reason.value);
      onClose();
    } catch (error) {
      problem.value = error instanceof RequestFailed ? error.message : String(error);
    } finally {
      isBusy.value = false;
    }
  };

  return (
    <dialog
      ref={element}
      class={isWide ? 'wide' : ''}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        // A press on the backdrop hits the dialog itself.
        if (event.target === element.current) onClose();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !isBusy.value) void confirm();
        }}
      >
        <h2 id={id}>{title}</h2>
        <div class="dialog-body">
          {children}
          {asksReason ? (
            <label class="field">
              <span>
                Reason <span class="dim">optional, kept in the log</span>
              </span>
              <input
                type="text"
                maxLength={500}
                value={reason.value}
                onInput={(event) => (reason.value = event.currentTarget.value)}
              />
            </label>
          ) : null}
          {problem.value === null ? null : (
            <p class="notice notice-failed" role="alert">
              {problem.value}
            </p>
          )}
        </div>
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class={isHarmful ? 'harmful' : 'primary'} disabled={!isReady || isBusy.value}>
            {isBusy.value ? 'One moment' : verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}
