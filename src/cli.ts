#!/usr/bin/env node
import { runCli } from './cli/run-cli.js';

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  print: (text) => process.stdout.write(`${text}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
});

// Somebody who has pressed Ctrl-C does not wait for a tool that is still building something for the command.
setTimeout(() => process.exit(), 500).unref();
