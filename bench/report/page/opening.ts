import type { GateRow, RunResult } from '../../model.ts';
import { comparisonRow, reportedArms } from '../arms.ts';
import { describeChange } from '../change.ts';
import { formatEffect, formatEffectInterval, isGateRun } from '../gate/words.ts';
import { headline } from '../headline.ts';
import { hasFigures, mainRows } from '../main-table.ts';
import { formatConfidence, formatNumber, formatPlural, formatShare, missing } from '../numbers.ts';
import { judged } from './blocks.ts';
import { element, plain } from './html.ts';

/**
 * What a busy reader sees: the verdict, what it rests on, what to be careful about, the key figures. While a
 * run goes on there is no verdict, and nothing that looks like one.
 */
export function openingHtml(result: RunResult, running = false): string {
  const { answer, caveats, ...status } = headline(result);
  const { word, reason } = running ? stillRunning(result) : status;
  const [tone, mark] = tones[word] ?? ['bad', '✗'];
  const [first = '', ...more] = answer;
  return [
    element(
      'section',
      { class: `verdict ${tone}`, 'aria-label': 'Verdict' },
      element(
        'p',
        { class: 'word' },
        `<span aria-hidden="true">${mark}</span> ${plain(word)} `,
        running ? '' : element('span', { class: 'code' }, `exit code ${result.exitCode}`),
      ),
      element('p', { class: 'reason' }, plain(sentenceCase(reason))),
    ),
    element(
      'section',
      { class: caveats.length === 0 ? 'answer' : 'answer cautious', 'aria-label': 'Answer' },
      element(
        'div',
        {},
        element('p', { class: 'lead' }, plain(first)),
        ...more.map((text) => element('p', {}, plain(text))),
      ),
      caveats.length === 0
        ? ''
        : element(
            'aside',
            { 'aria-label': 'Cautions' },
            element('h2', {}, caveats.length === 1 ? 'Caution' : 'Cautions'),
            ...caveats.map((text) => element('p', {}, plain(text))),
          ),
    ),
    hasFigures(result) ? element('dl', { class: 'tiles' }, ...tiles(result)) : '',
  ].join('');
}

const tones: Readonly<Record<string, readonly [tone: string, mark: string]>> = {
  RUNNING: ['doubt', '…'],
  PASS: ['good', '✓'],
  FAIL: ['bad', '✗'],
  INCONCLUSIVE: ['doubt', '?'],
  INTERRUPTED: ['doubt', '◼'],
  'CUT OFF': ['doubt', '◼'],
};

function stillRunning({ completion }: RunResult): { readonly word: string; readonly reason: string } {
  const { finishedBlocks, plannedBlocks } = completion;
  return {
    word: 'RUNNING',
    reason: `${finishedBlocks} of ${formatPlural(plannedBlocks, 'block')} are finished. The figures are of what is finished and change until the end; there is no verdict before it.`,
  };
}

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly detail: readonly string[];
  /** HTML. */
  readonly verdict: string;
}

function tiles(result: RunResult): readonly string[] {
  const found = isGateRun(result) ? result.gate.rows.map(gateTile) : metricTiles(result);
  return found.map(({ label, value, detail, verdict }) =>
    element(
      'div',
      { class: 'tile' },
      element('dt', {}, plain(label)),
      element('dd', { class: 'value' }, plain(value)),
      ...detail.filter((line) => line !== '').map((line) => element('dd', {}, plain(line))),
      verdict === '' ? '' : element('dd', {}, verdict),
    ),
  );
}

function metricTiles(result: RunResult): readonly Tile[] {
  const { baseline, candidate } = reportedArms(result);
  return mainRows(result).flatMap(({ metric, label, values, change, interval }) => {
    const row = comparisonRow(result, metric);
    if (candidate !== undefined && row !== undefined && row.ratio !== null) {
      return [
        {
          label,
          value: change,
          detail: [
            interval,
            certainty(row),
            `${formatNumber(row.baseline)} → ${formatNumber(row.candidate)}`,
          ],
          verdict: judged(describeChange(row, result.interleaved)),
        },
      ];
    }
    // Of one arm alone: the last value is the candidate's where there are two.
    const arm = candidate?.metrics[metric] === undefined ? baseline : candidate;
    const found = arm?.metrics[metric];
    if (found === undefined) return [];
    const [value = missing, range = ''] = (values[arm === candidate ? values.length - 1 : 0] ?? '').split(
      / (?=\[)/,
    );
    return [
      {
        label,
        value,
        detail: [range, `n = ${found.blocks}`, candidate === undefined ? '' : `${arm?.name} alone`],
        verdict: '',
      },
    ];
  });
}

function gateTile(row: GateRow): Tile {
  const { reference, candidate } = row;
  return {
    label: `${row.metric} (${row.unit}), worse by`,
    value: formatEffect(row.effect),
    detail: [
      formatEffectInterval(row),
      certainty(row),
      reference === null && candidate === null
        ? ''
        : `${formatNumber(reference)} → ${formatNumber(candidate)}`,
      `tolerance ${formatShare(row.tolerance)}, fails from ${formatShare(row.minEffect)}`,
    ],
    verdict: judged(row.verdict),
  };
}

function certainty({
  confidence,
  blocks,
}: {
  readonly confidence: number | null;
  readonly blocks: number;
}): string {
  return confidence === null ? `n = ${blocks}` : `${formatConfidence(confidence)} interval, n = ${blocks}`;
}

function sentenceCase(text: string): string {
  // A metric's name is written as it is, also at the beginning.
  return /^[a-z]+\.[a-z]/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
