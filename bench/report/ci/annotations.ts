import { gateOutcome } from '../gate/outcome.ts';
import { formatEffect, type GateRun, unansweredMetrics } from '../gate/words.ts';
import { clip } from './outside-text.ts';

/** GitHub shows no more than this of each level for one step. */
const perLevel = 10;
/** Of one annotation, characters before escaping: GitHub's own limit is 64 KB, a reader's far below. */
const longest = 1_000;

interface Annotation {
  readonly level: 'error' | 'warning';
  readonly title: string;
  readonly message: string;
}

/**
 * Workflow commands, a line each, errors first: an error for each metric or guard that failed, a warning for
 * each that is open, at most ten of a level. Of a run that is invalid nothing else is said than that it is.
 */
export function renderAnnotations(result: GateRun): readonly string[] {
  const { verdict, word, sentence } = gateOutcome(result);
  if (verdict === 'invalid')
    return [command({ level: 'error', title: `Performance gate: ${word}`, message: sentence })];
  const found = findings(result);
  // Whatever is no pass must be seen, also when no metric says why.
  if (found.length === 0 && verdict !== 'pass') {
    const level = verdict === 'fail' ? 'error' : 'warning';
    return [command({ level, title: `Performance gate: ${word}`, message: sentence })];
  }
  return (['error', 'warning'] as const).flatMap((level) =>
    limited(found.filter((annotation) => annotation.level === level)).map(command),
  );
}

function findings({ gate }: GateRun): readonly Annotation[] {
  const rows = gate.rows.map(({ metric, effect, verdict, sentence }) => ({
    verdict,
    title: `Performance: ${metric}${effect === null ? '' : ` worse by ${formatEffect(effect)}`}`,
    message: sentence,
  }));
  const unanswered = unansweredMetrics(gate).map((metric) => ({
    verdict: 'inconclusive' as const,
    title: `Performance: ${metric}`,
    message: `${metric} was not measured.`,
  }));
  const guards = gate.guards.map(({ metric, verdict, sentence }) => ({
    verdict,
    title: `Performance guard: ${metric}`,
    message: sentence,
  }));
  return [...rows, ...unanswered, ...guards].flatMap(({ verdict, title, message }): Annotation[] =>
    verdict === 'pass' ? [] : [{ level: verdict === 'fail' ? 'error' : 'warning', title, message }],
  );
}

/** The last of too many says how many there are more. */
function limited(annotations: readonly Annotation[]): readonly Annotation[] {
  if (annotations.length <= perLevel) return annotations;
  const shown = annotations.slice(0, perLevel - 1);
  const unseen = annotations.slice(perLevel - 1);
  const [level] = unseen.map((annotation) => annotation.level);
  const more = {
    title: `Performance: ${unseen.length} more`,
    message: unseen.map(({ title }) => title).join('; '),
  };
  return level === undefined ? shown : [...shown, { level, ...more }];
}

/**
 * `::error title=…::…` with the escapes that the runner undoes: of data percent and line breaks, of a
 * property also colon and comma. Source: actions/toolkit, packages/core/src/command.ts.
 */
function command({ level, title, message }: Annotation): string {
  return `::${level} title=${escapeProperty(clip(title, 200))}::${escapeData(clip(message, longest))}`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
