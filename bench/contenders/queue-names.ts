/** Where the driver and a contender's worker meet. */
export const BULLMQ_QUEUE = 'bench';
export const PG_BOSS_QUEUE = 'bench';
