/** What gates leave for later ones: one JSON line a run, appended to a file that can be kept with the repository. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { fingerprintClass } from '../../analysis/gate/record.ts';
import { EnvironmentError, metricIds, type RunResult, UsageError } from '../../model.ts';

const entrySchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** `self-test`: a state against itself. `anchored`: a state of the main branch against a pinned one. */
  kind: z.enum(['self-test', 'anchored']),
  at: z.iso.datetime(),
  runId: z.string(),
  fingerprintClass: z.string(),
  scenario: z.string(),
  /** See gateMethod; what was measured before there were methods is like nothing else. */
  method: z.string().default('unknown'),
  reference: z.string().nullable(),
  candidate: z.string().nullable(),
  verdict: z.enum(['pass', 'fail', 'inconclusive', 'invalid']),
  blocks: z.int(),
  /** Whole length of the run, setting up included. */
  seconds: z.number(),
  /** ln(candidate / reference), the Hodges-Lehmann estimate over the blocks. */
  logRatios: z.partialRecord(z.enum(metricIds), z.number()),
});

/** That of the flag, or the one beside the runs. */
export function historyPath({
  history,
  out,
}: {
  readonly history?: string | true;
  readonly out: string;
}): string {
  return typeof history === 'string' ? history : join(out, 'gate-history.ndjson');
}

export type HistoryEntry = Readonly<z.infer<typeof entrySchema>>;

/**
 * Oldest first; empty when there is no file.
 * @throws UsageError with file and line
 */
export async function readHistory(path: string): Promise<readonly HistoryEntry[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '';
    throw new UsageError(`${path} cannot be read: ${cause.message}`, { cause });
  });
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const entry = parseLine(line);
    if (entry === null) {
      throw new UsageError(
        `${path}, line ${index + 1} is not an entry of a gate's history: mend or remove it`,
      );
    }
    return [entry];
  });
}

/** @throws EnvironmentError when the file cannot be written */
export async function appendHistory(path: string, entry: HistoryEntry): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    // A line in one write: two runs that end at once do not mix.
    await appendFile(path, `${JSON.stringify(entry)}\n`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError(`the gate's history ${path} cannot be written: ${reason}`, { cause });
  }
}

/** The entry of a finished run. */
export function historyEntry(
  kind: HistoryEntry['kind'],
  method: string,
  result: RunResult,
  seconds: number,
): HistoryEntry {
  const [reference, candidate] = result.arms;
  return {
    schemaVersion: 1,
    kind,
    at: result.startedAt,
    runId: result.runId,
    fingerprintClass: fingerprintClass(result.fingerprint),
    scenario: result.scenario.name,
    method,
    reference: reference?.build?.commit ?? null,
    candidate: candidate?.build?.commit ?? null,
    // One that broke off decided nothing, and is no gate.
    verdict: result.completion.outcome === 'completed' ? (result.gate?.verdict ?? 'invalid') : 'invalid',
    blocks: result.completion.finishedBlocks,
    seconds: Math.round(seconds),
    logRatios: Object.fromEntries(
      result.comparison.flatMap(({ metric, ratio }) => (ratio === null ? [] : [[metric, Math.log(ratio)]])),
    ),
  };
}

function parseLine(line: string): HistoryEntry | null {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
