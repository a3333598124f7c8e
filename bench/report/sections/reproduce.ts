import type { RunResult } from '../../model.ts';
import { code, type Section, section } from '../section.ts';

/** The command that makes such a run again, and which run this is. */
export function reproduceSection(result: RunResult): Section | null {
  return section('reproduce', 'Measure it again', [
    code('sh', result.command),
    `Run \`${result.runId}\` of ${result.startedAt}, seed ${result.seed}. Everything above is computed from \`journal.ndjson\`; \`result.json\` holds the same figures, block by block.`,
  ]);
}
