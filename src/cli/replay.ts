import { Command } from 'commander';
import { escapeControls } from '../telemetry/logger.js';
import { EXIT, parseProject, type CliContext, type ExitCode } from './context.js';
import { DEFAULT_PROJECT } from '../local-stack/project.js';

export function replayCommand({ env, print, complain }: CliContext, exit: (code: ExitCode) => void): Command {
  return new Command('replay')
    .description('check that the workflow code at hand can go on with an import that was begun by other code')
    .argument(
      '<id|file>',
      'import id, workflow id, or a history as JSON (temporal workflow show --output json, or Download)',
    )
    .option('--project <id>', 'project of the import id', parseProject, DEFAULT_PROJECT)
    .action(async (subject: string, { project }: { project: string }) => {
      const { readHistories } = await import('./replay-histories.js');
      const { replayHistories, silenceRuntime } = await import('./replay-histories.js');
      const histories = await readHistories({ subject, project, env });
      silenceRuntime();
      let allReplay = true;
      for await (const { workflowId, runId, problem } of replayHistories(histories)) {
        const run = escapeControls(runId === '' ? workflowId : `${workflowId} run ${runId}`);
        if (problem === null) print(`${run}: replays`);
        else complain(`${run}: does not replay\n${problem}`);
        allReplay &&= problem === null;
      }
      exit(allReplay ? EXIT.ok : EXIT.trouble);
    });
}
