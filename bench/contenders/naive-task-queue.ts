/** Where the naive shape's workflows and worker meet, on the same Temporal server as the service. */
export const NAIVE_TASK_QUEUE = 'bench-naive';
