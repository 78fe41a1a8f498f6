import type { Collection } from 'mongodb';
import type { TokenRecord, TokenStore } from '../contract/store.js';
import { isDuplicateKey } from './database-error.js';

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
