/** `gate --self-test n`: gates of HEAD against itself, which should never fail, kept on record. */
import { summarizeSelfTests } from '../../analysis/gate/record.ts';
import { commitOf, isDirty } from '../../experiment/builds/git.ts';
import { exitCodes, type RunResult, UsageError } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import { describeRecord } from '../../report/gate/words.ts';
import type { CommandContext } from '../context.ts';
import { type ChooseReference, contend, openContest } from './contest.ts';
import { concludeGate, ownTerms } from './gate.ts';
import type { GateFlags } from './gate-options.ts';
import { appendHistory, historyEntry, historyPath, readHistory } from './history-file.ts';

/** @returns 0; 1 when one of these gates failed, 3 when none was valid */
export async function selfTest(flags: GateFlags, times: number, context: CommandContext): Promise<number> {
  const path = historyPath(flags);
  await using contest = await openContest(chooseItself(flags), flags, context);
  const results: RunResult[] = [];
  for (let index = 0; index < times; index += 1) {
    context.write(`\nself-test ${index + 1} of ${times}\n`);
    const begun = monotonicMs();
    const terms = ownTerms(contest.file.rules, contest.scenario, await readHistory(path));
    // Another seed each time: with the same requests and order, chance would repeat itself.
    const measured = await contend(contest, terms, { ...flags, seed: flags.seed + index }, context);
    await concludeGate(measured, context);
    context.signal.throwIfAborted();
    const entry = historyEntry('self-test', measured.result, (monotonicMs() - begun) / 1000);
    await appendHistory(path, entry);
    results.push(measured.result);
    const record = summarizeSelfTests(
      (await readHistory(path)).filter(({ kind }) => kind === 'self-test'),
      entry,
    );
    if (record !== undefined) context.write(`${describeRecord(record)}: ${path}\n`);
  }
  if (results.some(({ gate }) => gate?.verdict === 'fail')) return exitCodes.fail;
  return results.every(({ gate }) => gate?.verdict === 'invalid') ? exitCodes.environment : exitCodes.pass;
}

function chooseItself(flags: GateFlags): ChooseReference {
  return async (repository) => {
    if (flags.against !== undefined) {
      throw new UsageError('--self-test compares HEAD with itself: leave --against out');
    }
    if (await isDirty(repository, flags.out)) {
      throw new UsageError(
        '--self-test compares HEAD with itself, but there are changes: commit or stash them',
      );
    }
    return { ref: 'HEAD', commit: await commitOf(repository, 'HEAD'), dirty: false };
  };
}
