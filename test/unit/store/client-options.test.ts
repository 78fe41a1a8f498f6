import { describe, expect, it } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { loadConfig } from '../../../src/config.js';
import { clientOptions } from '../../../src/store/open-store.js';

const SET = 'mongodb://user:pass%3Fword@a:1,b:2,c:3/?replicaSet=rs0&authSource=db';

/** What the driver makes of the connection string and the options together. */
function resolved(url: string, serverSelectionMs = 15_000) {
  return new MongoClient(url, clientOptions(url, serverSelectionMs)).options;
}

describe('the options of the driver', () => {
  it.each([
    ['says nothing of them', 'mongodb://127.0.0.1:27017'],
    ['is that of the shipped Compose file', `${SET}&w=majority`],
    [
      'says the same',
      `${SET}&W=majority&journal=true&readPreference=primary&retryWrites=true&readConcernLevel=majority`,
    ],
  ])('hold the guarantees when the connection string %s', (_, url) => {
    const options = resolved(url);

    expect(options.writeConcern).toMatchObject({ w: 'majority', journal: true });
    expect(options.readConcern.level).toBe('majority');
    expect(options.readPreference.mode).toBe('primary');
    expect(options).toMatchObject({ retryWrites: true, retryReads: true });
  });

  it.each([
    ['w', 'w=1'],
    ['w', 'w=0'],
    ['journal', 'journal=false'],
    ['j', 'j=false'],
    ['readPreference', 'readPreference=secondary'],
    ['readPreference', 'readpreference=secondaryPreferred'],
    ['readPreferenceTags', 'readPreferenceTags=dc:east'],
    ['maxStalenessSeconds', 'maxStalenessSeconds=120'],
    ['readConcernLevel', 'readConcernLevel=local'],
    ['retryWrites', 'retryWrites=false'],
    ['retryReads', 'retryReads=false'],
    ['w', 'w=majority&w=1'],
  ])('are refused with the name of %s when the connection string has %s', (name, parameter) => {
    const url = `${SET}&${parameter}`;

    expect(() => clientOptions(url, 1)).toThrow(`MONGODB_URL must not set ${name}`);
    expect(() => loadConfig({ MONGODB_URL: url })).toThrow(`MONGODB_URL: must not set ${name}`);
  });

  it('name every parameter that contradicts, and nothing secret', () => {
    const url = `${SET}&w=1&readPreference=nearest`;

    const refuse = () => clientOptions(url, 1);

    expect(refuse).toThrow(
      'MONGODB_URL must not set w to anything but majority: the service relies on it, so leave it out; ' +
        'MONGODB_URL must not set readPreference to anything but primary: the service relies on it, so leave it out',
    );
    expect(refuse).not.toThrow(/user|pass/);
  });

  it('notice a member that vanished within 10 seconds', () => {
    const { heartbeatFrequencyMS, connectTimeoutMS } = resolved(SET);

    expect(heartbeatFrequencyMS + connectTimeoutMS).toBeLessThanOrEqual(10_000);
  });

  it('take time limits from a connection string that has them', () => {
    const limits = 'connectTimeoutMS=20000&socketTimeoutMS=90000&serverSelectionTimeoutMS=1234&wtimeoutMS=30000';

    const options = resolved(`${SET}&${limits}`);

    expect(options).toMatchObject({
      connectTimeoutMS: 20_000,
      socketTimeoutMS: 90_000,
      serverSelectionTimeoutMS: 1_234,
    });
    expect(options.writeConcern).toMatchObject({ w: 'majority', journal: true, wtimeoutMS: 30_000 });
  });
});
