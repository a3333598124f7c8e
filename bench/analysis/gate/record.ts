/** The record of gates that compared a state with itself: how often this gate cries wolf. */
import type { Fingerprint, GateRecord, GateVerdict } from '../../model.ts';
import { binomialProbabilities } from '../binomial.ts';

export interface SelfTest {
  readonly fingerprintClass: string;
  /** The same for gates that measure and decide in the same way; see `gateMethod`. */
  readonly method: string;
  readonly verdict: GateVerdict;
}

/**
 * Machines of one class may be expected to be as noisy as each other: the same processor and number of cores,
 * the same major versions of PostgreSQL and Node.
 */
export function fingerprintClass({ cpuModel, cores, postgres, node }: Fingerprint): string {
  const major = (version: string): string => /\d+/.exec(version)?.[0] ?? version;
  return `${cpuModel}, ${cores} cores, PostgreSQL ${major(postgres)}, Node ${major(node)}`;
}

/** Of valid self-tests of one class and method; undefined without any. */
export function summarizeSelfTests(
  tests: readonly SelfTest[],
  like: Pick<SelfTest, 'fingerprintClass' | 'method'>,
): GateRecord | undefined {
  const valid = tests.filter(
    (test) =>
      test.fingerprintClass === like.fingerprintClass &&
      test.method === like.method &&
      test.verdict !== 'invalid',
  );
  if (valid.length === 0) return undefined;
  const falseAlarms = valid.filter(({ verdict }) => verdict === 'fail').length;
  return {
    runs: valid.length,
    falseAlarms,
    inconclusive: valid.filter(({ verdict }) => verdict === 'inconclusive').length,
    bound: upperBound(falseAlarms, valid.length),
  };
}

/**
 * Exact (Clopper-Pearson) one-sided 95 % upper bound of a share of which `events` were seen in `n`: the share at
 * which so few would be seen once in twenty times. 0 of 59 gives 5 %, 0 of 299 gives 1 %.
 */
export function upperBound(events: number, n: number, confidence = 0.95): number {
  if (events >= n) return 1;
  let [low, high] = [events / n, 1];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (atMost(events, n, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

function atMost(events: number, n: number, share: number): number {
  return binomialProbabilities(n, share)
    .slice(0, events + 1)
    .reduce((sum, each) => sum + each, 0);
}
