import { relative } from 'node:path';
import type { JournalEntry } from '../../model.ts';
import type { CommandContext } from '../context.ts';
import { startLiveView } from './live-view.ts';

export type Watch = (entry: JournalEntry) => void;

/** Does a run's work while a page shows it; the page ends with it, however it ends. */
export async function showLive<Outcome extends { readonly folder: string }>(
  work: (watch: Watch) => Promise<Outcome>,
  context: CommandContext,
): Promise<Outcome> {
  await using live = await startLiveView((reason) =>
    context.write(`\nthe live view has stopped: ${reason}; the run goes on\n`),
  );
  context.write(`live view: ${live.url}\n`);
  try {
    const outcome = await work((entry) => live.add(entry));
    const report = relative(context.workingFolder, outcome.folder) || '.';
    await live.finish(`the run has ended; its report is ${report}/report.html`);
    return outcome;
  } catch (error) {
    await live.finish('the run has ended without a report; the terminal says why');
    throw error;
  }
}
