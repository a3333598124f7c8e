import { type GateHistory, type GateResult, type GateRow, grossFactor, type RunResult } from '../../model.ts';
import { forestLegend, forestLines } from '../gate/forest.ts';
import {
  describeRecord,
  formatEffect,
  formatEffectInterval,
  formatP,
  type GateRun,
  gateArmNames,
  isGateRun,
  unansweredMetrics,
} from '../gate/words.ts';
import { formatConfidence, formatNumber, formatShare, missing } from '../numbers.ts';
import { type Block, code, right, type Section, section, type Table, table } from '../section.ts';

/** What the gate found for each metric, at each look, and how it decides. */
export function gateSection(result: RunResult): Section | null {
  if (!isGateRun(result)) return null;
  const { gate } = result;
  return section('gate', 'Gate', [
    gateTable(result),
    forestBlock(gate),
    table(
      ['metric', 'in words'],
      gate.rows.map(({ metric, sentence }) => [`\`${metric}\``, sentence]),
    ),
    guardTable(gate),
    gateNote(gate),
    lookTable(gate),
  ]);
}

/** One line a metric: sizes, effect, interval, limits, n and all three p. */
function gateTable(result: GateRun): Table {
  const { gate } = result;
  const { reference, candidate } = gateArmNames(result);
  const rows = gate.rows.map((row) => [
    row.verdict,
    `\`${row.metric}\` (${row.unit})`,
    formatNumber(row.reference),
    formatNumber(row.candidate),
    `${formatEffect(row.effect)} ${formatEffectInterval(row)}`.trim(),
    formatShare(row.minEffect),
    formatShare(row.tolerance),
    String(row.blocks),
    formatP(row.failP),
    formatP(row.adjustedFailP),
    formatP(row.passP),
  ]);
  // A metric that nobody answered for must not be missing from the list of what was asked.
  const unanswered = unansweredMetrics(gate).map((metric) => [
    'inconclusive',
    `\`${metric}\``,
    ...Array.from({ length: 9 }, () => missing),
  ]);
  return table(
    [
      'verdict',
      'metric',
      right(reference),
      right(candidate),
      right('worse by [interval]'),
      right('fails from'),
      right('tolerance'),
      right('n'),
      right('p worse'),
      right('adjusted'),
      right('p tolerance'),
    ],
    [...rows, ...unanswered],
  );
}

/** The same as a picture of characters. */
export function forestBlock(gate: GateResult): Block | string {
  const lines = forestLines(gate);
  return lines.length === 0 ? '' : code('text', [...lines, '', ...forestLegend].join('\n'));
}

function guardTable({ guards }: GateResult): Table {
  return table(
    ['verdict', 'guard'],
    guards.map(({ verdict, sentence }) => [verdict, sentence]),
  );
}

/** Every look that was taken, a line each: what was known then. */
export function lookTable({ looks }: GateResult): Table {
  const metrics = [...new Set(looks.flatMap(({ rows }) => rows.map(({ metric }) => metric)))];
  return table(
    [right('look after blocks'), ...metrics.map((metric) => `\`${metric}\``)],
    looks.map(({ blocks, rows }) => [
      String(blocks),
      ...metrics.map((metric) => describeRow(rows.find((row) => row.metric === metric))),
    ]),
  );
}

function describeRow(row: GateRow | undefined): string {
  if (row === undefined) return missing;
  return `${row.verdict} ${formatEffect(row.effect)} ${formatEffectInterval(row)}`.trim();
}

/** How the columns are made, what they decide, and how far that can be trusted. */
export function gateNote(gate: GateResult): string {
  return [
    gate.rules.history === undefined ? blockNote(gate) : historyNote(gate, gate.rules.history),
    'Of a rate the effect is 1 − candidate / reference, of everything else candidate / reference − 1; below zero the candidate is better.',
    gate.record === undefined
      ? 'There is no record of gates of a state against itself on machines like this one: make it with --self-test.'
      : `On record of machines like this one: ${describeRecord(gate.record)}.`,
  ].join(' ');
}

function blockNote(gate: GateResult): string {
  const { rules } = gate;
  return [
    `**Worse by**: Hodges-Lehmann estimate of the effect over n blocks and its exact ${intervalOf(gate)}, taken inside each block.`,
    'A metric **fails** when it is worse by at least "fails from" and the adjusted p is small enough; it **passes** when p tolerance is. p worse: one-sided, of no change for the worse; adjusted: after Holm\'s correction over the metrics; p tolerance: one-sided, of being worse by the tolerance or more.',
    `It is decided after ${rules.looks.join(', ')} blocks and never in between, unless the candidate misses a guard by ${grossFactor} times in each of the first blocks; over all looks and metrics together, a false fail and a false pass have a probability of at most ${formatShare(rules.alpha)} each.`,
  ].join(' ');
}

function historyNote(gate: GateResult, { confidence }: GateHistory): string {
  return [
    `**Worse by**: how far this run is from the mean of earlier runs against the same reference, the anchor, and the ${intervalOf(gate)} of that distance.`,
    `A metric **fails** beyond the two-sided ${formatConfidence(confidence)} prediction interval of those runs, if it is worse by at least "fails from"; it **passes** when p tolerance is small enough. p worse: one-sided, of a run that belongs to the earlier ones; p tolerance: of one that is worse by the tolerance.`,
    `It is decided once, after ${gate.rules.looks.join(', ')} blocks, like every run of the history.`,
  ].join(' ');
}

function intervalOf({ rules, rows }: GateResult): string {
  const confidences = [...new Set(rows.map(({ confidence }) => confidence))]
    .filter((confidence) => confidence !== null)
    .sort((a, b) => a - b)
    .map(formatConfidence);
  const kind = rules.history === undefined ? 'signed-rank interval' : 'prediction interval';
  return `${confidences.join(' or ')} ${kind}`.trim();
}
