#!/usr/bin/env node
import { runCli } from './cli/run-cli.js';

/** The reader of our output may stop early, as `| head` does. The command still completes and reports its exit code. */
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  print: (text) => process.stdout.write(`${text}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
  isTerminal: process.stderr.isTTY,
});

// After Ctrl-C the user does not wait for a tool that is still building something for the command.
setTimeout(() => process.exit(), 500).unref();
