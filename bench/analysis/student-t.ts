/**
 * P(T <= t) of Student's t with a whole number of degrees of freedom, by the finite series in the angle
 * atan(t / sqrt(df)): exact but for rounding, and no incomplete beta function is needed.
 * Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
 */
export function studentT(t: number, degreesOfFreedom: number): number {
  const angle = Math.atan(t / Math.sqrt(degreesOfFreedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = degreesOfFreedom % 2 === 1;
  let term = odd ? cosine : 1;
  let series = degreesOfFreedom === 1 ? 0 : term;
  for (let power = odd ? 3 : 2; power < degreesOfFreedom; power += 2) {
    term *= (cosine * cosine * (power - 1)) / power;
    series += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + sine * series) : sine * series;
  return (1 + within) / 2;
}

/** The t that is not exceeded with this probability, 0 < probability < 1. */
export function studentTQuantile(probability: number, degreesOfFreedom: number): number {
  if (probability < 0.5) return -studentTQuantile(1 - probability, degreesOfFreedom);
  let high = 1;
  while (studentT(high, degreesOfFreedom) < probability) high *= 2;
  let low = 0;
  for (let step = 0; step < 100; step += 1) {
    const middle = (low + high) / 2;
    if (studentT(middle, degreesOfFreedom) < probability) low = middle;
    else high = middle;
  }
  return high;
}
