import type { ApiVersionRules } from './middleware.js';
import type { PlanSettings } from '../temporal/names.js';
import type { RateLimit } from './rate-limit.js';
import type { TokenRules } from './auth.js';

/** Everything about the API that a deployment chooses. */
export interface HttpSettings {
  /** Origin that clients see, without a slash at its end. */
  readonly publicUrl: string;
  readonly versions: ApiVersionRules;
  readonly tokens: TokenRules;
  /** Per token and gateway; null lifts it. */
  readonly rateLimit: RateLimit | null;
  /** Per project and gateway, over all of its tokens; null lifts it. */
  readonly projectRateLimit: RateLimit | null;
  /** What the status routes answer for an unknown id: 404, or 200 with state `lost`. */
  readonly unknownId: '404' | 'lost';
  readonly itemSuccessState: 'success' | 'imported';
  /** Bytes that the bodies of requests may take in memory. */
  readonly memoryForBodies: number;
  /** How imports are begun, and how many items of one host may be under way at a time. */
  readonly plan: PlanSettings;
  /** Bytes of lists that are held for their readers at a time. */
  readonly memoryForAnswers: number;
  /** Assets that are sent at a time. */
  readonly maxOpenAssets: number;
  /** Requests of one project under way at a time. */
  readonly maxProjectRequests: number;
  /** Origin of the Temporal UI; null leaves the links to it out. */
  readonly temporalUiUrl: string | null;
  readonly temporalNamespace: string;
}
