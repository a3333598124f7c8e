import { exitCodes } from '../model.ts';
import { doctor } from '../operations/doctor/doctor.ts';
import type { Problem } from '../operations/doctor/problem.ts';
import type { CommandContext } from './context.ts';
import type { StackFlags } from './operation-options.ts';

export interface DoctorFlags extends StackFlags {
  readonly fix?: true;
}

/**
 * `doctor`: what is wrong with a compose stack and what to do; `--fix` does what is safe.
 * @returns 0 healthy (now), 1 something is wrong
 * @throws EnvironmentError when there is no stack
 */
export async function doctorCommand(flags: DoctorFlags, context: CommandContext): Promise<number> {
  const left = await doctor({
    ...flags,
    fix: flags.fix === true,
    signal: context.signal,
    onProblem: (problem) => context.write(problemText(problem)),
    onMend: ({ subject, mend }, failure) =>
      context.write(
        failure === null
          ? `mended   ${subject}: ${mend}\n`
          : `not mended   ${subject}: ${mend}: ${failure}\n`,
      ),
  });
  if (left.length === 0) {
    context.write('healthy: every node streams, every application uses the replicas\n');
    return exitCodes.pass;
  }
  if (flags.fix) {
    const names = left.map(({ subject, summary }) => `${subject}: ${summary}`);
    context.write(`still wrong: ${names.join('; ')}\n`);
  }
  return exitCodes.fail;
}

function problemText({ kind, subject, summary, evidence, why, advice }: Problem): string {
  const lines = [
    `PROBLEM  ${subject}: ${summary} (${kind})`,
    ...evidence.map((fact) => `  seen   ${fact}`),
    `  why    ${why}`,
    `  do     ${advice}`,
  ];
  return `${lines.join('\n')}\n`;
}
