import {
  type ArmResult,
  EnvironmentError,
  type GateResult,
  type RunPlan,
  type RunResult,
} from '../../model.ts';
import { decideGate } from './decide.ts';

/**
 * The gate of a run, as its blocks decide it; undefined for a plan without one.
 * @throws EnvironmentError for a plan with fewer than two arms, which no command makes
 */
export function gateOfRun(
  { gate, gateRecord }: Pick<RunPlan, 'gate' | 'gateRecord'>,
  arms: readonly ArmResult[],
  finishedBlocks: readonly number[],
): GateResult | undefined {
  if (gate === undefined) return undefined;
  const [reference, candidate] = arms;
  if (reference === undefined || candidate === undefined) {
    throw new EnvironmentError(
      `the plan has the rules of a gate, but ${arms.length} of the two arms that it compares`,
    );
  }
  const decided = decideGate(gate, reference, candidate, finishedBlocks);
  return gateRecord === undefined ? decided : { ...decided, record: gateRecord };
}

/**
 * The same gate in the light of the whole run: what cannot be believed neither passes nor fails, and a run
 * that did not come to its end passes nothing, even where its blocks would.
 */
export function qualifyGate(
  gate: GateResult,
  { validity, completion }: Pick<RunResult, 'validity' | 'completion'>,
): GateResult {
  if (!validity.ok) {
    const fault = validity.findings.find(({ severity }) => severity === 'invalid')?.message ?? '';
    return {
      ...gate,
      verdict: 'invalid',
      sentence: `The measurement cannot be believed, so nothing passes or fails: ${fault.replace(/\.+$/, '')}.`,
    };
  }
  if (gate.verdict !== 'pass' || completion.outcome === 'completed') return gate;
  return {
    ...gate,
    verdict: 'inconclusive',
    sentence: `The run did not come to its end, so it passes nothing, though its blocks would. ${gate.sentence}`,
  };
}
