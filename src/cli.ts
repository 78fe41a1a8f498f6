#!/usr/bin/env node
import { runCli } from './cli/run-cli.js';

/** Whoever reads our output may stop before its end, as `| head` does. What was asked for is done all the same, and the exit code told. */
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

// Somebody who has pressed Ctrl-C does not wait for a tool that is still building something for the command.
setTimeout(() => process.exit(), 500).unref();
