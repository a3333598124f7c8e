import { alignColumns } from './align-columns.ts';
import { forestLegend, forestLines } from './gate/forest.ts';
import { gateOutcome } from './gate/outcome.ts';
import {
  describeArms,
  describeBlocks,
  describeRecord,
  formatEffect,
  formatEffectInterval,
  formatP,
  type GateRun,
  unansweredMetrics,
} from './gate/words.ts';
import { formatConfidence, missing } from './numbers.ts';
import { wrapText } from './wrap-text.ts';

const widthColumns = 80;

/**
 * What is printed at the end of a gate, at most 80 columns: the verdict, a line a metric, the same as a
 * picture, and what to be careful about. Ends without a line break.
 * @param reportPath where the whole report is; absent = not said
 */
export function renderGateTerminal(result: GateRun, reportPath?: string): string {
  const { word, sentence, caveats } = gateOutcome(result);
  const { gate } = result;
  const drawn = forestLines(gate);
  return [
    wrapText(`${word}: ${sentence}`, widthColumns),
    wrapText(`Measured: ${describeArms(result)}, ${describeBlocks(result)}.`, widthColumns),
    table(result),
    drawn.length === 0 ? '' : [...drawn, '', ...forestLegend].join('\n'),
    ...gate.guards
      .filter(({ verdict }) => verdict !== 'pass')
      .map((guard) => wrapText(`Guard, ${guard.verdict}: ${guard.sentence}`, widthColumns, 2)),
    ...caveats.map((caveat) => wrapText(`Caution: ${caveat}`, widthColumns, 2)),
    gate.record === undefined ? '' : wrapText(`On record: ${describeRecord(gate.record)}.`, widthColumns),
    reportPath === undefined ? '' : `Report: ${reportPath}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function table({ gate }: GateRun): string {
  const unanswered = unansweredMetrics(gate);
  if (gate.rows.length + unanswered.length === 0) return '';
  const lines = [
    ['', '', 'worse by', '', 'n', 'p'],
    ...gate.rows.map((row) => [
      row.verdict.toUpperCase(),
      row.metric,
      formatEffect(row.effect),
      formatEffectInterval(row),
      String(row.blocks),
      formatP(row.adjustedFailP),
    ]),
    ...unanswered.map((metric) => ['INCONCLUSIVE', metric, missing]),
  ];
  const confidences = [...new Set(gate.rows.map(({ confidence }) => confidence))].filter(
    (confidence) => confidence !== null,
  );
  const intervals = confidences.map(formatConfidence).join(' or ');
  const note = `${intervals === '' ? '' : `[interval]: ${intervals}; `}p: of no change for the worse, after Holm's correction`;
  return `${alignColumns(lines, 2)}\n\n${wrapText(note, widthColumns)}`;
}
