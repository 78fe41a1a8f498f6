// bench/contenders is a package of its own, which only `npm run bench` installs: its types are checked where it is installed.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync(new URL('../bench/contenders/node_modules', import.meta.url)))
  execFileSync('npx', ['tsc', '--noEmit', '-p', 'bench/contenders'], { stdio: 'inherit' });
else
  process.stderr.write(
    'Skipping types and lint of bench/contenders: its packages are not installed (npm ci --prefix bench/contenders)\n',
  );
