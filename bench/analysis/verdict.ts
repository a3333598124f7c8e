import { exitCodes, type RunResult, type Verdict } from '../model.ts';
import { worstVerdict } from './objectives.ts';

/**
 * Verdict and exit code of a run; where it is a gate, they are the gate's. Validity comes first: figures that cannot be
 * believed pass and fail nothing. A run that did not reach its planned end can miss an objective, but not keep one.
 */
export function conclude(
  run: Pick<RunResult, 'completion' | 'validity' | 'objectives' | 'gate'>,
): Pick<RunResult, 'verdict' | 'exitCode'> {
  const verdict = judge(run);
  const { outcome } = run.completion;
  if (outcome === 'interrupted') return { verdict, exitCode: exitCodes.interrupted };
  if (outcome === 'failed' || !run.validity.ok) return { verdict, exitCode: exitCodes.environment };
  const undecided = verdict === 'inconclusive' && outcome === 'completed';
  const tolerated = undecided && run.gate?.rules.inconclusive === 'pass';
  return { verdict, exitCode: tolerated ? exitCodes.pass : exitCodes[verdict] };
}

function judge({ completion, validity, objectives, gate }: Parameters<typeof conclude>[0]): Verdict {
  if (gate !== undefined) return gate.verdict === 'invalid' ? 'inconclusive' : gate.verdict;
  if (!validity.ok || completion.finishedBlocks === 0) return 'inconclusive';
  const verdict = worstVerdict(objectives.map((objective) => objective.verdict));
  return completion.outcome === 'completed' || verdict === 'fail' ? verdict : 'inconclusive';
}
