/** `gate`: is this working tree slower than another commit of it? */
import { fingerprintClass, summarizeSelfTests } from '../../analysis/gate/record.ts';
import type { GateRules } from '../../model.ts';
import type { CommandContext } from '../context.ts';
import { type Environment, writeGateOutputs } from '../gate-outputs.ts';
import { conclude, type Measured } from '../measure.ts';
import { chooseAgainst, contend, openContest, type Terms } from './contest.ts';
import type { GateFlags } from './gate-options.ts';
import { type HistoryEntry, historyPath, readHistory } from './history-file.ts';

/** @returns the exit code: 0 pass, 1 fail, 3 invalid, 4 inconclusive (0 with `--inconclusive pass`) */
export async function gate(flags: GateFlags, context: CommandContext): Promise<number> {
  const history = await readHistory(historyPath(flags));
  await using contest = await openContest(chooseAgainst(flags), flags, context);
  const measured = await contend(
    contest,
    ownTerms(contest.file.rules, contest.method, history),
    flags,
    context,
  );
  await concludeGate(measured, context);
  return measured.result.exitCode;
}

/** The rules as they are, with the record of this kind of machine beside them. */
export function ownTerms(rules: GateRules, method: string, history: readonly HistoryEntry[]): Terms {
  const selfTests = history.filter(({ kind }) => kind === 'self-test');
  return {
    looks: rules.looks,
    of: (fingerprint) => ({
      rules,
      record: summarizeSelfTests(selfTests, {
        fingerprintClass: fingerprintClass(fingerprint),
        method,
      }),
    }),
  };
}

/** What people see, and what a CI system gets. */
export async function concludeGate(
  measured: Measured,
  context: CommandContext,
  environment: Environment = process.env,
): Promise<void> {
  // First: a run that broke off before its first slice, or could not clean up, ends here with an error.
  await writeGateOutputs(measured.folder, measured.result, environment, context.write);
  conclude(measured, context);
}
