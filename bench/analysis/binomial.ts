/**
 * P(X = k) for k = 0..trials, X being how often something of this probability happens. Summed from
 * logarithms, so that thousands of trials do not underflow. Probabilities of 0 and 1 are allowed.
 */
export function binomialProbabilities(trials: number, probability: number): readonly number[] {
  if (probability <= 0 || probability >= 1) {
    const certain = probability <= 0 ? 0 : trials;
    return Array.from({ length: trials + 1 }, (_, k) => (k === certain ? 1 : 0));
  }
  const logOdds = Math.log(probability) - Math.log1p(-probability);
  let logProbability = trials * Math.log1p(-probability);
  return Array.from({ length: trials + 1 }, (_, k) => {
    if (k > 0) logProbability += logOdds + Math.log((trials - k + 1) / k);
    return Math.exp(logProbability);
  });
}
