import { describe, expect, it } from '@jest/globals';
import { runCommand } from '../../../src/local-stack/tools.js';

const TIMEOUT_MS = 30_000;

describe('runCommand', () => {
  it('gives what the program printed', async () => {
    const result = await runCommand(process.execPath, ['-e', 'console.log("out"); console.error("err")'], {
      timeoutMs: TIMEOUT_MS,
    });
    expect(result).toEqual({ stdout: 'out\n', stderr: 'err\n' });
  });

  it('carries the end of the output when the program fails', async () => {
    const failing = runCommand(process.execPath, ['-e', 'console.error("why"); process.exit(3)'], {
      timeoutMs: TIMEOUT_MS,
    });
    await expect(failing).rejects.toMatchObject({ message: `${process.execPath} ended with code 3`, output: 'why\n' });
  });

  it('says so when there is no such program', async () => {
    const failing = runCommand('no-such-program', [], { timeoutMs: TIMEOUT_MS });
    await expect(failing).rejects.toThrow('no-such-program could not be run');
  });

  it('kills a program that takes longer than its limit', async () => {
    const failing = runCommand(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 100 });
    await expect(failing).rejects.toThrow('took longer than 0.1 s');
  });
});
