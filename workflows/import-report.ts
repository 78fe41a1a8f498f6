import { defineSearchAttributeKey } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { BatchState } from '../src/domain/import.js';

const IMPORT_STATE = defineSearchAttributeKey('ImportState', 'KEYWORD');

/** Shows in lists of workflows how an import is. */
export function showState(state: BatchState | 'paused'): void {
  upsertSearchAttributes([{ key: IMPORT_STATE, value: state }]);
}
