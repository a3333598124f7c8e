import type { RunResult } from '../model.ts';
import { alignColumns } from './align-columns.ts';
import { reportedArms } from './arms.ts';
import { isGateRun } from './gate/words.ts';
import { headline } from './headline.ts';
import { hasFigures, type MainRow, mainRows } from './main-table.ts';
import { faultOverview } from './sections/faults.ts';
import { renderGateTerminal } from './terminal-gate.ts';
import { wrapText } from './wrap-text.ts';

const widthColumns = 100;

/**
 * What is printed at the end of a run, at most 100 columns: the answer, the main table, what limits,
 * and what to be careful about; a gate in its own form. Ends without a line break.
 * @param reportPath where the whole report is; absent = not said
 */
export function renderTerminal(result: RunResult, reportPath?: string): string {
  if (isGateRun(result)) return renderGateTerminal(result, reportPath);
  const { word, reason, answer, caveats } = headline(result);
  return [
    wrapText(`${word}: ${reason}`, widthColumns),
    ...answer.map((sentence) => wrapText(sentence, widthColumns)),
    table(result),
    limits(result),
    ...caveats.map((caveat) => wrapText(`Caution: ${caveat}`, widthColumns, 2)),
    otherFindings(result),
    reportPath === undefined ? '' : `Report: ${reportPath}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function table(result: RunResult): string {
  const { baseline, candidate } = reportedArms(result);
  const faults = faultOverview(result);
  if (faults.length > 0) return alignColumns(faults);
  if (baseline === undefined || !hasFigures(result)) return '';
  const rows = mainRows(result);
  const heads =
    candidate === undefined
      ? ['', baseline.name]
      : ['', baseline.name, candidate.name, 'change', '', 'claimed'];
  const cells = rows.map((row) =>
    candidate === undefined ? [row.label, ...row.values.map(withoutInterval)] : comparisonCells(row),
  );
  return alignColumns([heads, ...cells]);
}

function comparisonCells(row: MainRow): readonly string[] {
  return [row.label, ...row.values.map(withoutInterval), row.change, row.interval, row.claimed];
}

/** The terminal has no room for the interval of each arm; the report has. */
function withoutInterval(value: string): string {
  return value.replace(/ \[.*\]$/, '');
}

function limits(result: RunResult): string {
  const { baseline, candidate } = reportedArms(result);
  return [baseline, candidate]
    .flatMap((arm) => {
      const bottleneck = arm?.bottleneck['read-saturation'];
      return arm === undefined || bottleneck === undefined
        ? []
        : [wrapText(`Reads of ${arm.name}: ${bottleneck.sentence}`, widthColumns, 2)];
    })
    .join('\n');
}

function otherFindings(result: RunResult): string {
  const { caveats } = headline(result);
  // That a run is incomplete is said in the first line.
  const warnings = result.validity.findings.filter(
    ({ severity, id }) => severity === 'warning' && id !== 'incomplete',
  ).length;
  const unsaid = warnings - caveats.length;
  if (unsaid <= 0) return '';
  return `${unsaid} more ${unsaid === 1 ? 'warning' : 'warnings'} about the measurement in the report, section Validity.`;
}
