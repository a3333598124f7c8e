import type { RunResult } from '../model.ts';
import { reportedArms } from './arms.ts';
import { isGateRun } from './gate/words.ts';
import { headline } from './headline.ts';
import { escapeCell, markdownBlock, markdownSection } from './markdown-section.ts';
import { type Section, section } from './section.ts';
import { consistencySection } from './sections/consistency.ts';
import { effectSection } from './sections/effect.ts';
import { environmentSection, setUpSection } from './sections/environment.ts';
import { faultSection } from './sections/faults.ts';
import { gateSection } from './sections/gate.ts';
import { limitSection } from './sections/limit.ts';
import { metricSection } from './sections/metrics.ts';
import { policySection } from './sections/policies.ts';
import { lagSection, readsByNodeSection } from './sections/replication.ts';
import { reproduceSection } from './sections/reproduce.ts';
import { blockSection, latencySection, outcomeSection } from './sections/requests.ts';
import { resourceSection } from './sections/resources.ts';
import { limitsOfThisReport, objectiveSection, validitySection } from './sections/validity.ts';

/** A picture in a file beside the report. */
export interface Picture {
  /** Of the chart: `effects`, `timeline`. */
  readonly id: string;
  readonly title: string;
  /** From the report to the file. */
  readonly path: string;
}

/**
 * report.md: the answer first, then one table, then why, then everything needed to doubt it. Pure:
 * the same result gives the same text. `pictures` stand where their figures are.
 */
export function renderMarkdown(result: RunResult, pictures: readonly Picture[] = []): string {
  const draw = (...ids: readonly string[]): readonly string[] =>
    pictures.filter(({ id }) => ids.includes(id)).map(({ title, path }) => `![${title}](${path})`);
  const sections = [
    markdownSection(policySection(result)),
    markdownSection(faultSection(result)),
    markdownSection(objectiveSection(result)),
    markdownSection(limitSection(result)),
    markdownSection(readsByNodeSection(result), draw('reads-by-node')),
    markdownSection(lagSection(result)),
    markdownSection(consistencySection(result)),
    markdownSection(resourceSection(result)),
    markdownSection(latencySection(result), draw('latency-read', 'latency-write')),
    markdownSection(outcomeSection(result)),
    markdownSection(overTimeSection(draw('timeline'))),
    markdownSection(blockSection(result), draw('blocks')),
    markdownSection(metricSection(result)),
    markdownSection(validitySection(result)),
    markdownSection(environmentSection(result)),
    markdownSection(setUpSection(result)),
    markdownSection(limitsOfThisReport(result)),
    markdownSection(reproduceSection(result)),
  ];
  const parts = [title(result), ...figures(result, draw), ...sections];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** What follows the answer: of a gate its metrics; otherwise the figures at once, without a heading between. */
function figures(
  result: RunResult,
  draw: (...ids: readonly string[]) => readonly string[],
): readonly string[] {
  const effect = effectSection(result);
  if (isGateRun(result))
    return [markdownSection(gateSection(result), draw('gate')), markdownSection(effect, draw('effects'))];
  const [table, ...notes] = effect?.blocks.map(markdownBlock) ?? [];
  return table === undefined ? [] : [table, ...draw('effects'), ...notes];
}

/** A picture alone: as a table it would be the journal again. */
function overTimeSection(pictures: readonly string[]): Section | null {
  return section('over-time', 'Over time', pictures);
}

function title(result: RunResult): string {
  const { word, reason, answer, caveats } = headline(result);
  const { baseline, candidate } = reportedArms(result);
  const arms = [baseline, candidate]
    .flatMap((arm) => (arm === undefined ? [] : [arm.name]))
    .join(' against ');
  return [
    `# ${result.scenario.name}: ${arms}`,
    `**${word}** (exit code ${result.exitCode}): ${escapeCell(reason)}`,
    answer
      .map((sentence, index) => (index === 0 ? `**${escapeCell(sentence)}**` : escapeCell(sentence)))
      .join(' '),
    ...caveats.map((caveat) => `> **Caution:** ${escapeCell(caveat)}`),
  ].join('\n\n');
}
