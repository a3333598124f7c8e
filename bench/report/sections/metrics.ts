import type { RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { describeChange } from '../change.ts';
import { formatChange, formatChangeInterval, formatConfidence, formatNumber, missing } from '../numbers.ts';
import { right, type Section, section, table } from '../section.ts';

/** Every metric that either arm has, with the verdict of its own row. */
export function metricSection(result: RunResult): Section | null {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined || candidate === undefined || result.comparison.length === 0) return null;
  return section('metrics', 'Every metric', [
    table(
      [
        'metric',
        'unit',
        right(baseline.name),
        right(candidate.name),
        right('change'),
        right('interval (%)'),
        right('confidence'),
        right('n'),
        'in words',
      ],
      result.comparison.map((row) => [
        `\`${row.metric}\``,
        row.unit,
        formatNumber(row.baseline),
        formatNumber(row.candidate),
        formatChange(row.ratio),
        formatChangeInterval(row.ciLow, row.ciHigh),
        row.confidence === null ? missing : formatConfidence(row.confidence),
        String(row.blocks),
        describeChange(row, result.interleaved),
      ]),
    ),
    'A change counts as shown when the whole interval is on one side of zero and covers with at least 95 %. No correction is made for the number of rows: of twenty rows without any change, one may look like one.',
  ]);
}
