/** Gates of a state against itself as Markdown for the summary page of a job: one table, however many there were. */
import type { GateRecord } from '../../model.ts';
import { describeRecord, type GateRun } from '../gate/words.ts';
import { markdownBlock } from '../markdown-section.ts';
import { formatNumber, missing } from '../numbers.ts';
import { right, table } from '../section.ts';
import { outsideText } from './outside-text.ts';

export interface SelfTestRun {
  readonly result: GateRun;
  /** Whole length, setting up included. */
  readonly seconds: number;
}

/** @param record of these and of earlier ones like them; undefined when none of them was valid */
export function renderSelfTests(runs: readonly SelfTestRun[], record: GateRecord | undefined): string {
  const rows = runs.map(({ result, seconds }) => [
    outsideText(result.runId),
    result.gate.verdict,
    String(result.completion.finishedBlocks),
    formatNumber(seconds / 60),
  ]);
  return [
    '## Performance gate: self-test',
    record === undefined ? 'No valid gate yet.' : `**${describeRecord(record)}**`,
    rows.length === 0
      ? missing
      : markdownBlock(table(['run', 'verdict', right('blocks'), right('min')], rows)),
    '',
  ].join('\n\n');
}
