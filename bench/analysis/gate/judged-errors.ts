import type { ArmResult, GateRules } from '../../model.ts';

/**
 * The arms of a gate with a guard on errors: that many requests of the candidate failed is then a result, which
 * the guard judges, and no reason to believe nothing. Errors of the reference stay what they are; there is
 * nothing to compare with then.
 */
export function withJudgedErrors(
  arms: readonly ArmResult[],
  rules: GateRules | undefined,
): readonly ArmResult[] {
  if (rules?.guards.some(({ metric }) => metric === 'errors.ratio') !== true) return arms;
  const [reference] = arms;
  return arms.map((arm) => {
    if (arm === reference) return arm;
    const slices = arm.slices.map((slice) => ({
      ...slice,
      findings: slice.findings.map((finding) =>
        finding.id === 'error-ratio' ? { ...finding, severity: 'warning' as const } : finding,
      ),
    }));
    return { ...arm, slices };
  });
}
