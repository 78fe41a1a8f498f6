import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { cacheFolder } from '../../../src/local-stack/tools.js';

describe('cacheFolder', () => {
  it.each([
    ['XDG_CACHE_HOME on Linux', 'linux', { XDG_CACHE_HOME: '/var/xdg' }, join('/var/xdg', 'durable-import')],
    ['~/.cache on Linux without it', 'linux', {}, join(homedir(), '.cache', 'durable-import')],
    [
      '~/.cache on Linux when it is empty',
      'linux',
      { XDG_CACHE_HOME: '' },
      join(homedir(), '.cache', 'durable-import'),
    ],
    [
      'Library/Caches on macOS',
      'darwin',
      { XDG_CACHE_HOME: '/x' },
      join(homedir(), 'Library', 'Caches', 'durable-import'),
    ],
    ['LOCALAPPDATA on Windows', 'win32', { LOCALAPPDATA: '/local' }, join('/local', 'durable-import')],
  ] as const)('is under %s', (_name, platform, env, expected) => {
    expect(cacheFolder(env, platform)).toBe(expected);
  });
});
