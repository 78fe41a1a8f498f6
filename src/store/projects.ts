import { randomBytes } from 'node:crypto';
import type { Collection } from 'mongodb';
import { retryDuplicateKey, isDuplicateKey } from './mongo-errors.js';
import type { ProjectStore, TokenRecord, TokenStore } from './store.js';

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

/** Minted and revoked tokens by `jti`; never the tokens themselves. A token minted elsewhere has no fields but its revocation. */
export function createTokenStore(tokens: Collection<TokenRecord>): TokenStore {
  return {
    insert: async ({ _id, ...fields }) => {
      await tokens.updateOne({ _id }, { $set: fields }, { upsert: true });
    },

    list: (projectId) => {
      const minted = { createdAt: { $exists: true } };
      const filter = projectId === undefined ? minted : { ...minted, projectId };
      return tokens.find(filter).sort({ createdAt: -1, _id: 1 }).toArray();
    },

    revoke: async (jti, at) => {
      const filter = { _id: jti, revokedAt: { $exists: false } };
      try {
        await tokens.updateOne(filter, { $set: { revokedAt: at } }, { upsert: true });
        return true;
      } catch (error) {
        // The upsert found no token without a revocation and could not insert one: it is revoked.
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },

    isRevoked: async (jti) => {
      const token = await tokens.findOne({ _id: jti }, { projection: { revokedAt: 1 } });
      return token?.revokedAt !== undefined;
    },
  };
}
