import { execFileSync } from 'node:child_process';

/* `npm run bench -- [COMMAND] [OPTIONS]`: every benchmark is one command; README.md beside this file describes what each measures. */

interface Command {
  readonly about: string;
  /** Whether it runs the built service, and not only TypeScript of this repository. */
  readonly needsBuild: boolean;
  run(args: string[]): Promise<void>;
}

/** Each is loaded only when it is asked for: together they load most of the repository. */
const COMMANDS: Readonly<Record<string, Command>> = {
  throughput: {
    about: 'throughput and cost beside everything else that does the same work (the default)',
    needsBuild: true,
    run: async (args) => (await import('./throughput/throughput.js')).throughput(args),
  },
  latency: {
    about: 'how fast the API answers, and how soon a small import ends, while large imports run',
    needsBuild: true,
    run: async (args) => (await import('./latency.js')).latency(args),
  },
  fairness: {
    about: 'small imports behind 20 large ones of one project, and the shares of projects',
    needsBuild: true,
    run: async (args) => (await import('./fairness.js')).fairness(args),
  },
  large: {
    about: 'one file of 5 GiB against curl | tee | sha256sum',
    needsBuild: true,
    run: async (args) => (await import('./large.js')).large(args),
  },
  resume: {
    about: 'a download that is killed three times',
    needsBuild: false,
    run: async (args) => (await import('./resume.js')).resume(args),
  },
  reimport: {
    about: 'importing again what has not changed',
    needsBuild: true,
    run: async (args) => (await import('./reimport.js')).reimport(args),
  },
  intake: {
    about: 'memory and time of accepting and reading a large batch',
    needsBuild: true,
    run: async (args) => (await import('./intake.js')).intake(args),
  },
  profile: {
    about: 'CPU profiles of gateway and worker, and the delay of their event loops',
    needsBuild: true,
    run: async (args) => (await import('./profile.js')).profile(args),
  },
  model: {
    about: 'what a million items take, from the costs of one',
    needsBuild: false,
    run: async (args) => (await import('./model.js')).model(args),
  },
};

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(11)} ${about}`);
  return ['Usage: npm run bench -- [COMMAND] [OPTIONS]', ...lines, 'Options: see bench/README.md', ''].join('\n');
}

const [first = 'throughput', ...others] = process.argv.slice(2);
// Without a command the options are those of the default one: `npm run bench -- --quick`.
const [name, args] = first.startsWith('-') ? ['throughput', [first, ...others]] : [first, others];
const command = COMMANDS[name];
if (first === '--help' || first === '-h') process.stdout.write(usage());
else if (command === undefined) {
  process.stderr.write(`There is no benchmark ${name}.\n${usage()}`);
  process.exitCode = 2;
} else {
  // To standard error, since the results go to standard output.
  if (command.needsBuild) execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 2, 2] });
  await command.run(args);
}
