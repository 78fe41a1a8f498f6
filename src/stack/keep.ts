import type { RunFile } from './run-file.js';
import type { SuperviseOptions } from './supervise.js';

/** What a stack runs. */
export type ProcessName = keyof RunFile['pids'];

export const PROCESS_NAMES: readonly ProcessName[] = ['temporal', 'mongodb', 'gateway', 'worker'];

/** How the stack keeps each of its processes: it hears of every one the moment it exists. */
export type Keep = (name: ProcessName) => SuperviseOptions;
