import { ImportError } from '../../../src/domain/errors.js';
import type { Source } from '../../../src/download/source.js';

/** When one fetch began and ended, on the clock of `performance`. */
export interface Try {
  readonly from: number;
  readonly to: number;
  /** What it failed with. */
  readonly failure?: string;
}

/** The same source; what it is asked for is noted. */
export function watchTries(source: Source): { source: Source; triesOf(url: string): readonly Try[] } {
  const tries = new Map<string, Try[]>();
  return {
    source: {
      discardPart: (partKey) => source.discardPart(partKey),
      async fetch(request) {
        const from = performance.now();
        const conclude = (failure?: string): void => {
          const ended = { from, to: performance.now(), ...(failure === undefined ? {} : { failure }) };
          tries.set(request.url, [...(tries.get(request.url) ?? []), ended]);
        };
        try {
          const answer = await source.fetch(request);
          conclude();
          return answer;
        } catch (error) {
          conclude(error instanceof ImportError ? error.code : String(error));
          throw error;
        }
      },
    },
    triesOf: (url) => tries.get(url) ?? [],
  };
}
