import { describe, expect, it } from '@jest/globals';
import { suspiciousLines } from './checker/logs.js';

const outage =
  '{"level":40,"err":{"type":"MongoNetworkError","stack":["at onError (/x/node_modules/mongodb/src/a.ts:1:1)"],"cause":{"type":"Error","code":"ECONNRESET"}},"msg":"trying again"}';

describe('the look at the logs of a chaos run', () => {
  it.each([
    ['an outage', outage],
    ['information', '{"level":30,"msg":"polling"}'],
    ['a line that a kill has cut off', '{"level":40,"err":{"type":"MongoNetwo'],
    [
      'a warning of the Temporal core',
      '2026-05-01T10:00:00Z  WARN temporalio_sdk_core::worker: Task not found when completing',
    ],
  ])('finds nothing wrong with %s', (_what, line) => {
    expect(suspiciousLines(`${line}\n`)).toEqual([]);
  });

  it.each([
    ['an unhandled rejection', '[UnhandledPromiseRejection: unhandledRejection]'],
    ['the stack of a process that dies', '    at run (/x/dist/src/worker.js:1:1)'],
    ['an error of the service', '{"level":50,"msg":"a request failed"}'],
    ['a bug in a cause', '{"level":40,"err":{"type":"MongoError","cause":{"type":"TypeError","stack":[]}}}'],
    [
      'what the service itself takes for impossible',
      '{"level":40,"err":{"type":"Error","stack":["at finish (/x/dist/activities/finish-batch.js:1:1)"]}}',
    ],
    ['an error of the Temporal core', '2026-05-01T10:00:00Z  ERROR temporalio_sdk_core::worker: panicked'],
  ])('finds %s', (_what, line) => {
    expect(suspiciousLines(`${outage}\n${line}\n`)).toEqual([line]);
  });
});
