import type { RunResult } from '../model.ts';
import { reportedArms } from './arms.ts';
import { isGateRun } from './gate/words.ts';
import { headline } from './headline.ts';
import { escapeCell, markdownBlock, markdownSection } from './markdown-section.ts';
import { effectSection } from './sections/effect.ts';
import { environmentSection, setUpSection } from './sections/environment.ts';
import { gateSection } from './sections/gate.ts';
import { limitSection } from './sections/limit.ts';
import { metricSection } from './sections/metrics.ts';
import { lagSection, readsByNodeSection } from './sections/replication.ts';
import { reproduceSection } from './sections/reproduce.ts';
import { blockSection, latencySection, outcomeSection } from './sections/requests.ts';
import { resourceSection } from './sections/resources.ts';
import { limitsOfThisReport, objectiveSection, validitySection } from './sections/validity.ts';

/**
 * report.md: the answer first, then one table, then why, then everything needed to doubt it. Pure:
 * the same result gives the same text.
 */
export function renderMarkdown(result: RunResult): string {
  const sections = [
    objectiveSection(result),
    limitSection(result),
    readsByNodeSection(result),
    lagSection(result),
    resourceSection(result),
    latencySection(result),
    outcomeSection(result),
    blockSection(result),
    metricSection(result),
    validitySection(result),
    environmentSection(result),
    setUpSection(result),
    limitsOfThisReport(result),
    reproduceSection(result),
  ];
  const parts = [title(result), ...figures(result), ...sections.map(markdownSection)];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** What follows the answer: of a gate its metrics; otherwise the figures at once, without a heading between. */
function figures(result: RunResult): readonly string[] {
  const effect = effectSection(result);
  if (isGateRun(result)) return [gateSection(result), effect].map(markdownSection);
  return effect?.blocks.map(markdownBlock) ?? [];
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
