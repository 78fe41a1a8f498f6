import { checkImportRequest, type ImportEnvelope, type PostedJson } from '../../src/intake/request/envelope.js';
import type { ItemSpec } from '../../src/domain/item.js';
import { isObject } from '../../src/intake/request/item.js';
import type { RequestRules } from '../../src/intake/request/rules.js';
import type { BodyRoom } from '../../src/intake/body-memory.js';

/** A parsed body as `readJson` hands it on. */
function postedJson(value: unknown): PostedJson {
  return {
    value,
    hasLostList: false,
    list: (name) => {
      const list = isObject(value) ? value[name] : undefined;
      if (!Array.isArray(list)) return null;
      return {
        length: list.length,
        parse: (seq) => ({ bytes: bytesOf(list[seq]), item: list[seq] as unknown }),
      };
    },
  };
}

/** Integers beyond 2^53 are bigints in what `parseJson` answers, which `JSON.stringify` refuses. */
function bytesOf(value: unknown): number {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member)).length;
}

/** Checks a whole body at once. @throws ApiError 400 */
export function parseImportRequest(body: unknown, rules: RequestRules): ImportEnvelope & { items: ItemSpec[] } {
  const check = checkImportRequest(postedJson(body), rules);
  const items: ItemSpec[] = [];
  for (let seq = 0; seq < check.itemCount && !check.isFull(); seq += 1) {
    const found = check.check(seq);
    if (found !== null) items.push(found.spec);
  }
  return { ...check.envelope(), items };
}

/** Room without a limit. */
export function endlessRoom(): BodyRoom {
  const nothing = () => undefined;
  return {
    keep: nothing,
    letGo: nothing,
    tryTake: () => true,
    take: () => Promise.resolve(),
    give: nothing,
    close: nothing,
  };
}
