import { Command } from 'commander';
import type { CliContext } from './context.js';
import { withStore } from './open-store.js';
import { parseProject } from './project-option.js';

interface ProjectOption {
  readonly project: string;
}

export function webhookSecretCommand({ env, print }: CliContext): Command {
  const command = new Command('webhook-secret').description(
    'show or change what the webhooks of a project are signed with',
  );
  command
    .command('show')
    .description('print the secrets that are in force, newest first')
    .requiredOption('--project <id>', 'project', parseProject)
    .action(async ({ project }: ProjectOption) => {
      for (const secret of await withStore(env, (store) => store.projects.webhookSecrets(project))) print(secret);
    });
  command
    .command('rotate')
    .description('print a new secret; the one before it goes on signing beside it until the next rotation')
    .requiredOption('--project <id>', 'project', parseProject)
    .action(async ({ project }: ProjectOption) => {
      print(await withStore(env, (store) => store.projects.rotateWebhookSecret(project)));
    });
  return command;
}
