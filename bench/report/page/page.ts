import type { RunView } from '../../analysis/run-view.ts';
import type { RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { type RunChart, runCharts } from '../charts/run-charts.ts';
import { isGateRun } from '../gate/words.ts';
import { headline } from '../headline.ts';
import type { Section } from '../section.ts';
import { consistencySection } from '../sections/consistency.ts';
import { effectSection } from '../sections/effect.ts';
import { environmentSection, setUpSection } from '../sections/environment.ts';
import { faultSection } from '../sections/faults.ts';
import { gateSection } from '../sections/gate.ts';
import { limitSection } from '../sections/limit.ts';
import { metricSection } from '../sections/metrics.ts';
import { policySection } from '../sections/policies.ts';
import { lagSection, readsByNodeSection } from '../sections/replication.ts';
import { reproduceSection } from '../sections/reproduce.ts';
import { blockSection, latencySection, outcomeSection } from '../sections/requests.ts';
import { resourceSection } from '../sections/resources.ts';
import { limitsOfThisReport, objectiveSection, validitySection } from '../sections/validity.ts';
import { sectionHtml } from './blocks.ts';
import { figuresHtml, type Notes } from './figures.ts';
import { element, embeddedJson, plain } from './html.ts';
import { openingHtml } from './opening.ts';
import { pageScript } from './script.ts';
import { pageStyle } from './style.ts';

/** Of the page of a run that goes on. */
export interface LiveFrame {
  /** HTML between the title and everything else. */
  readonly banner: string;
  /** Keeps the page up to date. */
  readonly script: string;
}

/**
 * report.html: one file with everything in it, that opens from disk and asks nobody for anything. Pure: the
 * same view gives the same text.
 */
export function renderPage(view: RunView): string {
  return pageAround(pageTitle(view), pageBody(view));
}

/** The frame of a page: everything but what is said about the run. */
export function pageAround(title: string, body: string, live?: LiveFrame): string {
  // A live view talks to whoever served it; a file talks to nobody.
  const connect = live === undefined ? "'none'" : "'self'";
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src ${connect}; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    // An icon that is there already: a browser would ask the server for one.
    '<link rel="icon" href="data:,">',
    element('title', {}, plain(title)),
    `<style>${pageStyle}</style>\n</head>\n<body>`,
    ...(live === undefined ? [body] : [live.banner, element('div', { id: 'page' }, body)]),
    `<script>${pageScript}</script>`,
    ...(live === undefined ? [] : [`<script>${live.script}</script>`]),
    '</body>\n</html>\n',
  ].join('\n');
}

export function pageTitle({ result }: RunView, running = false): string {
  return `${running ? 'RUNNING' : headline(result).word} · ${titleOf(result)} · replibench`;
}

/** Everything that is said about a run. While it goes on nothing of it is final. */
export function pageBody(view: RunView, running = false): string {
  const { result } = view;
  const charts = runCharts(view);
  const sections = pageSections(result, charts);
  return [
    element(
      'header',
      {},
      element('p', { class: 'kicker' }, plain(kicker(view))),
      element('h1', {}, plain(titleOf(result))),
    ),
    element(
      'main',
      {},
      openingHtml(result, running),
      element(
        'nav',
        { 'aria-label': 'Sections' },
        ...sections.map(({ section }) => element('a', { href: `#${section.id}` }, plain(section.title))),
      ),
      ...sections.map(({ section, pictures }) => sectionHtml(section, pictures)),
    ),
    running ? '' : footer(result),
  ].join('\n');
}

interface PageSection {
  readonly section: Section;
  readonly pictures: string;
}

/** In the order of questions: how much, why, how it looked, whether to believe it, how to make it again. */
function pageSections(result: RunResult, charts: readonly RunChart[]): readonly PageSection[] {
  const draw = (...ids: readonly string[]): string => figuresHtml(charts, ids, notes(result));
  const list: readonly (readonly [Section | null, string?])[] = [
    [withoutCode(gateSection(result)), draw('gate')],
    [effectSection(result), draw('effects')],
    [policySection(result)],
    [faultSection(result)],
    [objectiveSection(result)],
    [limitSection(result)],
    [latencySection(result), draw('latency-read', 'latency-write')],
    [charts.some(({ id }) => id === 'timeline') ? overTime : null, draw('timeline')],
    [blockSection(result), draw('blocks')],
    [readsByNodeSection(result), draw('reads-by-node')],
    [lagSection(result)],
    [consistencySection(result)],
    [resourceSection(result)],
    [outcomeSection(result)],
    [metricSection(result)],
    [validitySection(result)],
    [environmentSection(result)],
    [setUpSection(result)],
    [limitsOfThisReport(result)],
    [reproduceSection(result)],
  ];
  return list.flatMap(([section, pictures = '']) => (section === null ? [] : [{ section, pictures }]));
}

const overTime: Section = { id: 'over-time', title: 'Over time', blocks: [] };

function notes(result: RunResult): Notes {
  const { baseline, candidate } = reportedArms(result);
  return {
    gate: 'Filled: decided. Dark band: worse, but too little to fail. Light band: up to the tolerance, which an interval must stay below to pass.',
    effects: `Ratio ${candidate?.name} ÷ ${baseline?.name} with its interval, on a logarithmic axis. Filled: the interval shows a difference; hollow: it does not.`,
    'latency-read': 'Steady slices of all blocks merged; each nine takes the same width.',
    'latency-write': 'Likewise; from the due time of each request.',
    timeline:
      'Measured time alone: setting up and warming up between the slices are left out. Thick: the value of the whole slice (of lag its P95), as in result.json. Thin: inside the slice, about a second or less at a time; of P95 and lag the largest.',
    blocks:
      candidate === undefined
        ? 'One point a block.'
        : 'One point a block, both axes alike. Along the diagonal both arms had the same; what is common to both, such as a busy machine, moves a point along it.',
    'reads-by-node': 'As named by the answers themselves.',
  };
}

/** The picture made of characters is for where there are no others. */
function withoutCode(section: Section | null): Section | null {
  if (section === null) return null;
  return { ...section, blocks: section.blocks.filter(({ kind }) => kind !== 'code') };
}

function titleOf(result: RunResult): string {
  const { baseline, candidate } = reportedArms(result);
  const arms = [baseline, candidate].flatMap((arm) => (arm === undefined ? [] : [arm.name]));
  // A gate names what it gates first.
  const order = isGateRun(result) ? arms.toReversed() : arms;
  return `${isGateRun(result) ? 'Gate of ' : ''}${result.scenario.name}: ${order.join(' against ')}`;
}

function kicker({ result, timeline }: RunView): string {
  const [date = '', time = ''] = result.startedAt.split('T');
  const seconds = Math.round(timeline.lengthMs / 1000);
  const took = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
  const { completion } = result;
  const blocks = `${completion.finishedBlocks} of ${completion.plannedBlocks} blocks`;
  return [`replibench run ${result.runId}`, `${date} ${time.slice(0, 5)} UTC`, took, blocks].join(' · ');
}

function footer(result: RunResult): string {
  return element(
    'footer',
    {},
    element(
      'p',
      {},
      `Made by replibench ${plain(result.fingerprint.harnessVersion)} from the journal of the run. The whole result is in this page, too: `,
      element('button', { type: 'button', class: 'save' }, 'save it as result.json'),
      '.',
    ),
    embeddedJson('result', result),
  );
}
