import type { GateRow, GateRules } from '../../model.ts';
import type { Look } from './look.ts';
import { countBlocks } from './sentences.ts';

/** What a gate says as a whole: the verdict, then what makes it. `finished` counts blocks beyond the look, too. */
export function describeGate(rules: GateRules, look: Look, finished: number): string {
  const { rows, guards, verdict } = look;
  const after = `after ${countBlocks(look.blocks)}`;
  const because = [...rows, ...guards]
    .filter((judged) => judged.verdict === verdict)
    .map(({ sentence }) => sentence)
    .join(' ');
  // Earlier than the first look only what is gross is decided.
  const how = look.blocks < Math.min(...rules.looks) ? 'breaks down: it fails' : 'fails';
  if (verdict === 'fail') return `The candidate ${how} ${after}. ${because}`;
  if (verdict === 'pass') return `The candidate passes ${after}. ${describePass(rows, guards.length)}`;
  const next = rules.looks.find((count) => count > finished);
  return next === undefined
    ? `Nothing is shown ${after}, the most that this gate measures. ${because}`
    : `Not decided: ${countBlocks(finished)} of at most ${rules.looks.at(-1)} finished; it decides after ${next}.`;
}

/** The metric that came closest to its tolerance stands for the others. */
function describePass(rows: readonly GateRow[], guards: number): string {
  const room = (row: GateRow): number => row.tolerance - (row.high ?? row.tolerance);
  const [closest] = rows.toSorted((a, b) => room(a) - room(b));
  const kept = guards === 0 ? '' : ` ${guards === 1 ? 'The guard is' : `${guards} guards are`} kept.`;
  if (closest === undefined) return `No metric is gated.${kept}`;
  if (rows.length === 1) return `${closest.sentence}${kept}`;
  return `None of the ${rows.length} gated metrics is worse by its tolerance; the closest: ${closest.sentence}${kept}`;
}
