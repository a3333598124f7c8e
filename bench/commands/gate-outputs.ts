import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../model.ts';
import { renderAnnotations } from '../report/ci/annotations.ts';
import { renderJunit } from '../report/ci/junit.ts';
import { renderComment, renderSummary } from '../report/ci/summary.ts';
import { type GateRun, isGateRun } from '../report/gate/words.ts';
import { replaceFile } from './report-files.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Everything that a CI system may want of a gate: `summary.md`, `comment.md` and `junit.xml` in the run's
 * folder wherever it runs; on GitHub also the summary of the job's step and an annotation for each metric that
 * did not pass. What cannot be written is said through `write` and changes nothing else: the verdict is there.
 * Of a run without a gate nothing is written.
 * @param environment of the process: `GITHUB_ACTIONS` and `GITHUB_STEP_SUMMARY` are read
 */
export async function writeGateOutputs(
  folder: string,
  result: RunResult,
  environment: Environment,
  write: (text: string) => void,
): Promise<void> {
  if (!isGateRun(result)) return;
  await writeGateFiles(folder, result, write);
  await appendSummary(renderSummary(result), environment, write);
  if (environment['GITHUB_ACTIONS'] === 'true') {
    // On a line of its own each, or the runner does not take it for a command.
    for (const line of renderAnnotations(result)) write(`\n${line}`);
    write('\n');
  }
}

/** Adds to the summary of the job's step, where there is one: those before us and after have their own parts. */
export async function appendSummary(
  text: string,
  environment: Environment,
  write: (text: string) => void,
): Promise<void> {
  const summary = environment['GITHUB_STEP_SUMMARY'];
  if (summary) await attempt(summary, () => appendFile(summary, text), write);
}

/** The files alone, for a report that is made again. */
export async function writeGateFiles(
  folder: string,
  result: GateRun,
  write: (text: string) => void,
): Promise<void> {
  const files = [
    ['summary.md', renderSummary],
    ['comment.md', renderComment],
    ['junit.xml', renderJunit],
  ] as const;
  for (const [name, render] of files) {
    const path = join(folder, name);
    await attempt(path, () => replaceFile(path, render(result)), write);
  }
}

async function attempt(
  path: string,
  work: () => Promise<void>,
  write: (text: string) => void,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    write(`warning: ${path} could not be written: ${reason}; the verdict stands\n`);
  }
}
