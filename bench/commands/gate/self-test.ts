/** `gate --self-test n`: gates of HEAD against itself, which should never fail, kept on record. */
import { summarizeSelfTests } from '../../analysis/gate/record.ts';
import { commitOf, isDirty } from '../../experiment/builds/git.ts';
import { exitCodes, type GateRecord, type RunResult, UsageError } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import { renderSelfTests, type SelfTestRun } from '../../report/ci/self-tests.ts';
import { describeRecord, isGateRun } from '../../report/gate/words.ts';
import type { CommandContext } from '../context.ts';
import { appendSummary } from '../gate-outputs.ts';
import { type ChooseReference, type Contest, contend, openContest } from './contest.ts';
import { concludeGate, ownTerms } from './gate.ts';
import type { GateFlags } from './gate-options.ts';
import { appendHistory, historyEntry, historyPath, readHistory } from './history-file.ts';

/** @returns 0; 1 when one of these gates failed, 3 when none was valid */
export async function selfTest(flags: GateFlags, times: number, context: CommandContext): Promise<number> {
  await using contest = await openContest(chooseItself(flags), flags, context);
  const runs: SelfTestRun[] = [];
  let record: GateRecord | undefined;
  try {
    for (let index = 0; index < times; index += 1) {
      context.write(`\nself-test ${index + 1} of ${times}\n`);
      const begun = monotonicMs();
      // Another seed each time: with the same requests and order, chance would repeat itself.
      const result = await testOnce(contest, { ...flags, seed: flags.seed + index }, context);
      context.signal.throwIfAborted();
      const seconds = (monotonicMs() - begun) / 1000;
      record = await keep(contest, result, seconds, flags, context);
      if (isGateRun(result)) runs.push({ result, seconds });
    }
  } finally {
    await appendSummary(renderSelfTests(runs, record), process.env, context.write);
  }
  if (runs.some(({ result }) => result.gate.verdict === 'fail')) return exitCodes.fail;
  return runs.every(({ result }) => result.gate.verdict === 'invalid')
    ? exitCodes.environment
    : exitCodes.pass;
}

async function testOnce(contest: Contest, flags: GateFlags, context: CommandContext): Promise<RunResult> {
  const terms = ownTerms(contest.file.rules, contest.method, await readHistory(historyPath(flags)));
  const measured = await contend(contest, terms, flags, context);
  // No step summary or annotation of each: what a job is told is the record of all.
  await concludeGate(measured, context, {});
  return measured.result;
}

/** @returns the record with this run in it */
async function keep(
  { method }: Contest,
  result: RunResult,
  seconds: number,
  flags: GateFlags,
  context: CommandContext,
): Promise<GateRecord | undefined> {
  const path = historyPath(flags);
  const entry = historyEntry('self-test', method, result, seconds);
  await appendHistory(path, entry);
  const tests = (await readHistory(path)).filter(({ kind }) => kind === 'self-test');
  const record = summarizeSelfTests(tests, entry);
  if (record !== undefined) context.write(`${describeRecord(record)}: ${path}\n`);
  return record;
}

function chooseItself(flags: GateFlags): ChooseReference {
  return async (repository) => {
    if (flags.against !== undefined) {
      throw new UsageError('--self-test compares HEAD with itself: leave --against out');
    }
    if (Object.keys(flags.candidateEnv).length > 0) {
      throw new UsageError('--self-test compares equal builds: leave --candidate-env out');
    }
    if (await isDirty(repository, flags.out)) {
      throw new UsageError(
        '--self-test compares HEAD with itself, but there are changes: commit or stash them',
      );
    }
    return { ref: 'HEAD', commit: await commitOf(repository, 'HEAD'), dirty: false };
  };
}
