/** `gate record` and `gate --history`: the working tree against a pinned build, over days. */

import { fingerprintClass } from '../../analysis/gate/record.ts';
import { worstVerdict } from '../../analysis/objectives.ts';
import { fewestForPrediction } from '../../analysis/prediction-interval.ts';
import { commitOf, isDirty } from '../../experiment/builds/git.ts';
import {
  EnvironmentError,
  exitCodes,
  type GateHistory,
  type MetricId,
  metricIds,
  UsageError,
} from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import type { CommandContext } from '../context.ts';
import { conclude } from '../measure.ts';
import { type ChooseReference, type Contest, contend, openContest } from './contest.ts';
import { concludeGate, ownTerms } from './gate.ts';
import type { GateFlags } from './gate-options.ts';
import { appendHistory, type HistoryEntry, historyEntry, historyPath, readHistory } from './history-file.ts';

/** Older ones tell of a program that has changed. */
const mostRuns = 30;
const confidence = 0.99;

/**
 * Measures against the anchor and stores the ratios.
 * @returns 0; without a record 3 or 130 for a run that is invalid or did not end, 1 for a guard that is missed,
 *   4 for one that may be
 */
export async function recordRun(flags: GateFlags, context: CommandContext): Promise<number> {
  const path = historyPath(flags);
  // A file that cannot be read later is told before minutes are spent.
  const history = await readHistory(path);
  const begun = monotonicMs();
  if (Object.keys(flags.candidateEnv).length > 0) {
    throw new UsageError('a record stands for a commit as it is: leave --candidate-env out');
  }
  const choose: ChooseReference = async (repository, file) => {
    if (await isDirty(repository, flags.out)) {
      throw new UsageError(
        'a record stands for a commit, but the working tree has changes: commit or stash them',
      );
    }
    return chooseAnchor(flags)(repository, file);
  };
  await using contest = await openContest(choose, flags, context);
  const terms = ownTerms(oneLook(contest), contest.method, history);
  const measured = await contend(contest, terms, flags, context);
  // Its verdict against an old build is nobody's regression: no annotation, no failed test.
  conclude(measured, context);
  const { result } = measured;
  if (!result.validity.ok || result.completion.outcome !== 'completed') {
    context.write('not recorded: the measurement is not valid\n');
    return result.exitCode;
  }
  const missed = result.gate?.guards.filter(({ verdict }) => verdict !== 'pass') ?? [];
  if (missed.length > 0) {
    context.write(`not recorded: ${missed.map(({ sentence }) => sentence).join(' ')}\n`);
    return exitCodes[worstVerdict(missed.map(({ verdict }) => verdict))];
  }
  await appendHistory(path, historyEntry('anchored', contest.method, result, (monotonicMs() - begun) / 1000));
  context.write(`recorded in ${path}\n`);
  return exitCodes.pass;
}

/** @returns the exit code of the verdict by earlier runs */
export async function gateByHistory(flags: GateFlags, context: CommandContext): Promise<number> {
  const path = historyPath(flags);
  const history = await readHistory(path);
  await using contest = await openContest(chooseAnchor(flags), flags, context);
  const rules = oneLook(contest);
  const own = ownTerms(rules, contest.method, history);
  const terms = {
    looks: rules.looks,
    of: (fingerprint: Parameters<typeof own.of>[0]) => {
      const machine = fingerprintClass(fingerprint);
      const like = history.filter((entry) => isLike(entry, contest, machine)).slice(-mostRuns);
      if (like.length < fewestForPrediction) {
        throw new EnvironmentError(
          `${path} has ${like.length} runs of ${contest.scenario.name} against this anchor on machines like this one ` +
            `(${machine}), measured in the same way; at least ${fewestForPrediction} are needed: make them with "replibench gate record"`,
        );
      }
      return { ...own.of(fingerprint), rules: { ...rules, history: historyOf(like) } };
    },
  };
  const measured = await contend(contest, terms, flags, context);
  await concludeGate(measured, context);
  return measured.result.exitCode;
}

/** Every session must be as long as the others, or their ratios spread differently. */
function oneLook({ file }: Contest) {
  return { ...file.rules, looks: file.rules.looks.slice(0, 1) };
}

function isLike(entry: HistoryEntry, { method, reference }: Contest, machine: string): boolean {
  return (
    entry.kind === 'anchored' &&
    entry.reference === reference.build.commit &&
    entry.method === method &&
    entry.fingerprintClass === machine
  );
}

function historyOf(entries: readonly HistoryEntry[]): GateHistory {
  const ratiosOf = (metric: MetricId): readonly number[] =>
    entries.flatMap(({ logRatios }) => logRatios[metric] ?? []);
  return { confidence, logRatios: Object.fromEntries(metricIds.map((metric) => [metric, ratiosOf(metric)])) };
}

function chooseAnchor(flags: GateFlags): ChooseReference {
  return async (repository, file) => {
    const asked = flags.against ?? file.anchor;
    if (asked === undefined) {
      throw new UsageError(
        'no anchor is pinned: put a commit or tag as "anchor" into replibench.gate.json, or name it with --against',
      );
    }
    return { ref: asked, commit: await commitOf(repository, asked), dirty: false };
  };
}
