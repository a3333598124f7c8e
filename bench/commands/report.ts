import { isGateRun } from '../report/gate/words.ts';
import type { CommandContext } from './context.ts';
import { writeGateFiles } from './gate-outputs.ts';
import { printResult } from './measure.ts';
import { analyseRun, writeReport } from './report-files.ts';

/**
 * `report <run>`: result and report again from the journal.
 * @returns the exit code that the result had or would have had
 */
export async function renderAgain(run: string, root: string, context: CommandContext): Promise<number> {
  const { folder, result, view } = await analyseRun(run, root);
  await writeReport(folder, view);
  if (isGateRun(result)) await writeGateFiles(folder, result, context.write);
  printResult(folder, result, context);
  return result.exitCode;
}
