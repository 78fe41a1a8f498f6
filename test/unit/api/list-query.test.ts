import { describe, expect, it } from '@jest/globals';
import { ApiError } from '../../../src/domain/api-error.js';
import { listQuery } from '../../../src/api/query.js';

const problemsOf = (query: Parameters<typeof listQuery>[0]): string[] => {
  try {
    listQuery(query);
    return [];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return Object.keys(error.details);
  }
};

describe('listQuery', () => {
  it('takes a cursor and a number of entries, 100 by default', () => {
    expect(listQuery({})).toEqual({ limit: 100 });
    expect(listQuery({ after: 'a', limit: '1000' })).toEqual({ after: 'a', limit: 1_000 });
  });

  it.each(['0', '1001', '-1', '1.5', 'ten', '', '01', ['1', '2']])('refuses the limit %j', (limit) => {
    expect(problemsOf({ limit })).toEqual(['limit']);
  });

  it('says the same of a query as other lists do', () => {
    const refused = () => listQuery({ after: '', limit: '0', before: 'x', ['__proto__']: 'y' });

    expect(refused).toThrow(
      expect.objectContaining({
        details: {
          before: 'Is not a parameter of this route',
          ['__proto__']: 'Is not a parameter of this route',
          after: 'Must be the next of an earlier page',
          limit: 'Must be a whole number from 1 to 1000',
        },
      }),
    );
  });

  it('names every parameter that is wrong or not known', () => {
    expect(problemsOf({ after: ['a', 'b'], limit: '0', before: 'x' }).sort()).toEqual(['after', 'before', 'limit']);
  });
});
