import type { GateVerdict, Verdict } from '../../model.ts';
import { gateOutcome } from '../gate/outcome.ts';
import {
  describeArms,
  describeBlocks,
  describeRecord,
  formatEffect,
  formatEffectInterval,
  formatP,
  type GateRun,
  unansweredMetrics,
} from '../gate/words.ts';
import { escapeCell, markdownBlock } from '../markdown-section.ts';
import { formatNumber, formatShare, missing } from '../numbers.ts';
import { code, right, type Table, table } from '../section.ts';
import { forestBlock, gateNote, lookTable } from '../sections/gate.ts';
import { fitParts } from './fit.ts';
import { clip, outsideText } from './outside-text.ts';

/** GitHub takes 1 MiB a step from all its writers together, and nobody reads a fifth of that. */
const summaryBytes = 200_000;
/** GitHub refuses a comment of more than 65,536 characters; whoever posts it adds a line. */
const commentBytes = 60_000;

/** By which the comment of an earlier run is found again; invisible. */
export const commentMarker = '<!-- replibench:gate -->';

/** The gate as Markdown for the summary page of a job: the verdict first, below 200 KB, no SVG. */
export function renderSummary(result: GateRun): string {
  return fitParts(parts(result), summaryBytes, leftOut);
}

/** The same for a comment on the pull request, with the marker as its first line, below 60 KB. */
export function renderComment(result: GateRun): string {
  const [first = '', ...others] = parts(result);
  return fitParts([`${commentMarker}\n${first}`, ...others], commentBytes, leftOut);
}

const leftOut = '_Parts are left out here for their length; `report.md` of the run has them all._';

function parts(result: GateRun): readonly string[] {
  const { gate } = result;
  const { caveats } = gateOutcome(result);
  return [
    opening(result),
    markdown(metricTable(result)),
    markdown(forestBlock(gate)),
    markdown(guardTable(result)),
    gate.record === undefined
      ? ''
      : `Gates of a state against itself, on machines like this one: ${describeRecord(gate.record)}.`,
    caveats.map((caveat) => `> **Caution:** ${text(caveat)}`).join('\n>\n'),
    reproduce(result),
    details('How this is decided, and what was known at each look', [
      gateNote(gate),
      markdown(lookTable(gate)),
    ]),
  ];
}

function opening(result: GateRun): string {
  const { verdict, word, sentence } = gateOutcome(result);
  const { scenario, exitCode } = result;
  const measured = `${describeArms(result)}; scenario ${scenario.name}; ${describeBlocks(result)}; exit code ${exitCode}`;
  return [
    `## ${icons[verdict]} Performance gate: ${word}`,
    `**${text(sentence, 2_000)}**`,
    `${text(measured, 1_000)}.`,
  ].join('\n\n');
}

const icons: Readonly<Record<GateVerdict, string>> = {
  pass: '✅',
  fail: '❌',
  inconclusive: '⚠️',
  invalid: '⛔',
};

function verdictCell(verdict: Verdict): string {
  return `${icons[verdict]} ${verdict}`;
}

function metricTable({ gate }: GateRun): Table {
  const rows = gate.rows.map((row) => [
    verdictCell(row.verdict),
    `\`${row.metric}\` (${outsideText(row.unit, 20)})`,
    `${formatNumber(row.reference)} → ${formatNumber(row.candidate)}`,
    row.effect === null ? missing : `**${formatEffect(row.effect)}** ${formatEffectInterval(row)}`.trim(),
    `${formatShare(row.minEffect)} / ${formatShare(row.tolerance)}`,
    String(row.blocks),
    formatP(row.adjustedFailP),
    formatP(row.passP),
  ]);
  const unanswered = unansweredMetrics(gate).map((metric) => [
    verdictCell('inconclusive'),
    `\`${metric}\``,
    'not measured',
    ...Array.from({ length: 5 }, () => missing),
  ]);
  return table(
    [
      'verdict',
      'metric',
      right('reference → candidate'),
      right('worse by [interval]'),
      right('fails from / tolerance'),
      right('n'),
      right('p worse'),
      right('p tolerance'),
    ],
    [...rows, ...unanswered],
  );
}

function guardTable({ gate }: GateRun): Table {
  return table(
    ['verdict', 'guard (a bound of the candidate alone)'],
    gate.guards.map(({ verdict, sentence }) => [verdictCell(verdict), outsideText(sentence)]),
  );
}

function reproduce(result: GateRun): string {
  const { cpuModel, cores, node, postgres } = result.fingerprint;
  const machine = `${cpuModel}, ${cores} cores, Node.js ${node}, PostgreSQL ${postgres}`;
  return [
    'Measure it again:',
    markdownBlock(code('sh', clip(result.command, 2_000))),
    `${text(`Run ${result.runId} of ${result.startedAt}, seed ${result.seed}, on ${machine}`)}. Its folder has the whole report and every raw value: \`report.md\`, \`result.json\`, \`journal.ndjson\`.`,
  ].join('\n\n');
}

function details(summary: string, blocks: readonly string[]): string {
  const inside = blocks.filter((block) => block !== '').join('\n\n');
  return `<details>\n<summary>${summary}</summary>\n\n${inside}\n\n</details>`;
}

function text(raw: string, limit?: number): string {
  return escapeCell(outsideText(raw, limit));
}

function markdown(block: Table | ReturnType<typeof forestBlock>): string {
  if (typeof block === 'string') return block;
  return block.kind === 'table' && block.rows.length === 0 ? '' : markdownBlock(block);
}
