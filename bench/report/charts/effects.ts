import type { ComparisonRow, RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { describeChange } from '../change.ts';
import { formatEffect, formatEffectInterval } from '../gate/words.ts';
import { formatChange, formatChangeInterval } from '../numbers.ts';
import type { Chart } from './chart.ts';
import { type Forest, forestChart } from './forest.ts';

/** Of every metric that both arms have, how much it changed; null when nothing can be compared. */
export function effectChart(result: RunResult, width: number): Chart | null {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined || candidate === undefined) return null;
  const rows = result.comparison.flatMap((row) => {
    if (row.ratio === null) return [];
    const word = describeChange(row, result.interleaved);
    return [
      {
        label: row.metric,
        ratio: row.ratio,
        low: row.ciLow,
        high: row.ciHigh,
        text: changeText(row.ratio, row.ciLow, row.ciHigh),
        shown: word === 'better' || word === 'worse',
        word,
      },
    ];
  });
  const forest: Forest = {
    id: 'effects',
    title: `Change of each metric, ${candidate.name} against ${baseline.name}`,
    rows,
    sides: ['less', 'more'],
    arm: result.arms.indexOf(candidate),
  };
  return forestChart(forest, width);
}

/** The gated metrics with their margins, the worse side to the right; null when this is no gate. */
export function gateChart(result: RunResult, width: number): Chart | null {
  const { gate } = result;
  const { candidate } = reportedArms(result);
  if (gate === undefined) return null;
  const rows = gate.rows.flatMap((row) =>
    row.effect === null
      ? []
      : [
          {
            label: row.metric,
            ratio: 1 + row.effect,
            low: row.low === null ? null : 1 + row.low,
            high: row.high === null ? null : 1 + row.high,
            text: `${formatEffect(row.effect)} ${formatEffectInterval(row)}`.trim(),
            shown: row.verdict !== 'inconclusive',
            word: row.verdict,
            margins: row,
          },
        ],
  );
  const forest: Forest = {
    id: 'gate',
    title: 'How much worse the candidate is, with what the gate tolerates',
    rows,
    sides: ['better', 'worse'],
    arm: candidate === undefined ? 1 : result.arms.indexOf(candidate),
  };
  return forestChart(forest, width);
}

function changeText(
  ratio: number | null,
  low: ComparisonRow['ciLow'],
  high: ComparisonRow['ciHigh'],
): string {
  return `${formatChange(ratio)} ${formatChangeInterval(low, high)}`.trim();
}
