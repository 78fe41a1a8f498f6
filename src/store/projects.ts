import { randomBytes } from 'node:crypto';
import type { Collection } from 'mongodb';
import type { ProjectStore } from '../contract/store.js';
import { retryDuplicateKey } from './retry-duplicate-key.js';

/** The new secret and the one before it, which receivers use until they have the new one. */
const VALID_SECRETS = 2;

export interface ProjectDocument {
  readonly _id: string;
  /** Newest first. */
  readonly webhookSecrets: readonly string[];
}

/** What the service keeps for each project. */
export function createProjectStore(projects: Collection<ProjectDocument>): ProjectStore {
  return {
    webhookSecrets: async (projectId) => {
      const existing = await projects.findOne({ _id: projectId });
      if (existing !== null) return existing.webhookSecrets;
      const first = { $setOnInsert: { webhookSecrets: [newSecret()] } };
      const options = { upsert: true, returnDocument: 'after' as const };
      const project = await retryDuplicateKey(() => projects.findOneAndUpdate({ _id: projectId }, first, options));
      if (project === null) throw new Error('The database answered an upsert without its document');
      return project.webhookSecrets;
    },

    rotateWebhookSecret: async (projectId) => {
      const secret = newSecret();
      const inFront = { $push: { webhookSecrets: { $each: [secret], $position: 0, $slice: VALID_SECRETS } } };
      await retryDuplicateKey(() => projects.updateOne({ _id: projectId }, inFront, { upsert: true }));
      return secret;
    },
  };
}

/** 256 bits in the form of Standard Webhooks 1.0.0, which asks for 24 to 64 bytes. */
function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}
