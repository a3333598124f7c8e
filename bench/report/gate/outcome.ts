import type { GateVerdict } from '../../model.ts';
import { headline } from '../headline.ts';
import type { GateRun } from './words.ts';

export interface GateOutcome {
  /** `invalid` also for a run that did not come to its end: it must not be taken for a verdict. */
  readonly verdict: GateVerdict;
  /** PASS, FAIL, INCONCLUSIVE, INVALID, INTERRUPTED, CUT OFF or FAILED TO MEASURE. */
  readonly word: string;
  readonly sentence: string;
  /** What must be known before the verdict is used. */
  readonly caveats: readonly string[];
}

const verdicts: Readonly<Record<string, GateVerdict>> = {
  PASS: 'pass',
  FAIL: 'fail',
  INCONCLUSIVE: 'inconclusive',
};

/** The gate's answer, in the words with which every report of the run begins. */
export function gateOutcome(result: GateRun): GateOutcome {
  const { word, reason, caveats } = headline(result);
  return { verdict: verdicts[word] ?? 'invalid', word, sentence: reason, caveats };
}
