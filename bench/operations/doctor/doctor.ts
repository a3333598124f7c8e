/** Finds out what is wrong with a compose stack, and mends what can be mended without risk. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../monotonic-clock.ts';
import { findStack, type Stack, type StackOptions } from '../../topology/compose/stack.ts';
import { lockStack } from '../actions/lock.ts';
import { reasonOf } from '../ask.ts';
import type { ClusterView } from '../observe/observation.ts';
import { observeStack } from '../observe/observe-stack.ts';
import { diagnose } from './diagnose.ts';
import { gather } from './gather.ts';
import { mend, mendOrder } from './mend.ts';
import type { Mend, Problem, ProblemKind } from './problem.ts';

/** These may be over in a moment: a node that starts, a standby between two attempts, a backlog, a busy host. */
const passing: readonly ProblemKind[] = ['no-answer', 'follows-nobody', 'lag-high', 'app-unhealthy'];
/** Two attempts of a standby to connect. */
const patienceMs = 11_000;
/** What was mended needs this long at most to show it. */
const recoveryMs = 90_000;
/** A base backup takes as long as there is data. */
const copyMs = 900_000;
const pauseMs = 500;

export interface DoctorOptions extends StackOptions {
  readonly fix: boolean;
  readonly signal: AbortSignal;
  readonly onProblem: (problem: Problem) => void;
  readonly onMend: (problem: Problem, failure: string | null) => void;
}

interface Examination {
  readonly stack: Stack;
  readonly view: ClusterView;
  readonly problems: readonly Problem[];
}

/**
 * Tells every problem; with `fix` mends what may be mended and looks again, until nothing new is found.
 * @returns what is still wrong at the end
 * @throws EnvironmentError when there is no stack, or somebody else is changing it
 */
export async function doctor(options: DoctorOptions): Promise<readonly Problem[]> {
  const told = new Set<string>();
  const tell = ({ problems }: Examination, isLast: boolean) => {
    for (const problem of problems) {
      // What may pass is only told when nobody will look again.
      if (told.has(key(problem)) || (!isLast && passing.includes(problem.kind))) continue;
      options.onProblem(problem);
      told.add(key(problem));
    }
  };
  let found = await examine(options, patienceMs, new Set());
  tell(found, !options.fix);
  if (!options.fix) return found.problems;
  await using lock = await lockStack(found.view);
  void lock;
  const tried = new Set<string>();
  for (;;) {
    const next = untried(found, tried);
    if (next.length === 0) {
      tell(found, true);
      return found.problems;
    }
    for (const problem of next) tried.add(key(problem));
    for (const problem of inOrder(next)) await tryToMend(options, found, problem);
    const copies = next.some((problem) => problem.mend === 'rebuild');
    found = await examine(options, copies ? copyMs : recoveryMs, tried);
    tell(found, false);
  }
}

function key({ kind, subject }: Problem): string {
  return `${kind} ${subject}`;
}

function untried({ problems }: Examination, tried: ReadonlySet<string>): readonly Problem[] {
  const all = problems.filter((problem) => problem.mend !== null && !tried.has(key(problem)));
  const nodes = all.filter(({ mend }) => mend !== 'point-applications');
  return nodes.length > 0 ? nodes : all;
}

/** The order of mending; the applications, and the primary's doors, are mended once for all. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const forAll: readonly (Mend | null)[] = ['point-applications', 'restore-replicator', 'allow-replication'];
  const first = (problem: Problem) => problems.find(({ mend }) => mend === problem.mend) === problem;
  return mendOrder.flatMap((mend) =>
    problems.filter((problem) => problem.mend === mend && (!forAll.includes(mend) || first(problem))),
  );
}

async function tryToMend(options: DoctorOptions, found: Examination, problem: Problem): Promise<void> {
  try {
    await mend({ options, ...found }, problem);
    options.onMend(problem, null);
  } catch (error) {
    options.signal.throwIfAborted();
    options.onMend(problem, reasonOf(error));
  }
}

/**
 * Looks until what is wrong is certain: not while something may pass by itself, nor while something that was
 * mended has not shown yet that it is.
 */
async function examine(
  options: DoctorOptions,
  atMostMs: number,
  mended: ReadonlySet<string>,
): Promise<Examination> {
  const untilMs = monotonicMs() + atMostMs;
  let stack: Stack | undefined;
  for (;;) {
    stack = await findStack({ ...options, previous: stack });
    const view = await observeStack(stack);
    const problems = diagnose(view, await gather(stack, view, options.signal));
    const open = problems.filter((problem) => passing.includes(problem.kind) || mended.has(key(problem)));
    // Applications come last: which replicas they should use is known when the nodes have settled.
    const fresh = problems.some(
      (problem) => !open.includes(problem) && (problem.mend !== 'point-applications' || open.length === 0),
    );
    if (open.length === 0 || fresh || monotonicMs() > untilMs) return { stack, view, problems };
    await sleep(pauseMs, undefined, { signal: options.signal });
  }
}
