// The command line is used again and again: it is built once, and after that only by start, demo, test or build itself.
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../dist/src/cli.js', import.meta.url)))
  execSync('npm run --silent build', { stdio: 'inherit' });
