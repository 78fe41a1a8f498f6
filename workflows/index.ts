/** The registry: an exported function's name is its workflow type on the wire. */
export { collectGarbage } from './collect-garbage.js';
export { deliverWebhook } from './deliver-webhook.js';
export { importBatch } from './import-batch.js';
