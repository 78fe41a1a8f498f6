/** What the reports compare by name. */
export const BARE_LOOP = 'bare loop';
export const NAIVE = 'one activity an item';
export const SERVICE = 'durable-import';
export const BULLMQ = 'BullMQ';
export const PG_BOSS = 'pg-boss';
