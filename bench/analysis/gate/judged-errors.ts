import type { ArmResult, GateResult } from '../../model.ts';

/** Findings that say no more than the guard on errors says. */
const ofErrors: readonly string[] = ['error-ratio', 'no-answers'];

/**
 * The arms of a gate whose candidate misses the guard on errors: that so many of its requests failed is then a result,
 * and no reason to believe no other figure. Errors that the guard does not fail stay what they are, and so do those
 * of the reference; there is nothing to compare with then.
 */
export function withJudgedErrors(
  arms: readonly ArmResult[],
  gate: Pick<GateResult, 'guards'> | undefined,
): readonly ArmResult[] {
  const isMissed = gate?.guards.some(
    ({ metric, verdict }) => metric === 'errors.ratio' && verdict === 'fail',
  );
  if (isMissed !== true) return arms;
  const [reference] = arms;
  return arms.map((arm) => {
    if (arm === reference) return arm;
    const slices = arm.slices.map((slice) => ({
      ...slice,
      findings: slice.findings.map((finding) =>
        ofErrors.includes(finding.id) ? { ...finding, severity: 'warning' as const } : finding,
      ),
    }));
    return { ...arm, slices };
  });
}
