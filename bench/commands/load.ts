import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { startGenerator } from '../load/generator.ts';
import { exitCodes, UsageError } from '../model.ts';
import { collectHeader, type LoadFlags, planLoad } from './load-plan.ts';
import { type LoadSummary, renderLoad, summarizeLoad } from './load-summary.ts';

/** What the command needs from whoever runs the program. */
export interface LoadCommandContext {
  readonly write: (text: string) => void;
  readonly signal: AbortSignal;
  readonly exit: (code: number) => void;
}

/**
 * `replibench load <url>`: loads any HTTP server and prints what its clients would have felt.
 * Exit 0 for a measurement that can be believed, 3 for one that cannot, an unreachable server included.
 */
export function loadCommand(context: LoadCommandContext): Command {
  return new Command('load')
    .description('load one URL of any HTTP server: service time, response time, schedule lag, outcomes')
    .argument('<url>', 'http:// or https://')
    .option('-r, --rate <n>', 'requests per second, sent on schedule whatever the answers do', '100')
    .option('-d, --duration <s>', 'seconds', '20')
    .option('--arrivals <kind>', 'poisson or uniform', 'poisson')
    .option('--connections <n>', 'most requests in flight; with --closed, how many at once', '50')
    .option('--closed', 'as fast as the answers come back, instead of on schedule: finds the capacity')
    .option('--timeout <ms>', 'an answer later than this counts as a timeout', '2000')
    .option('--method <name>', 'GET, HEAD, POST, PUT, PATCH, DELETE (default: GET, POST with --body)')
    .option('--header <name: value>', 'may be repeated', collectHeader, {})
    .option('--body <text>', 'JSON, or any text together with its content-type header')
    .option('--seed <n>', 'same seed, same due times', '1')
    .option('--json <file>', 'also write the result as JSON')
    .action(async (url: string, flags: LoadFlags) => {
      context.exit(await load(url, flags, context));
    });
}

async function load(url: string, flags: LoadFlags, context: LoadCommandContext): Promise<number> {
  const { signal, write } = context;
  const { plan, offeredRateHz, durationSeconds, description } = planLoad(url, flags);
  // Before the load, not after it: a figure that cannot be kept is a minute lost.
  if (flags.json !== undefined) await writeJson(flags.json, null);
  write(`${url}: ${description}, ${durationSeconds} s\n`);
  await using generator = await startGenerator({ signal });
  const result = await generator.run(plan, { signal });
  const summary = summarizeLoad({ url, seed: plan.seed, offeredRateHz }, result);
  write(renderLoad(summary));
  if (flags.json !== undefined) await writeJson(flags.json, summary);
  return summary.validity.ok ? exitCodes.pass : exitCodes.environment;
}

async function writeJson(path: string, summary: LoadSummary | null): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(summary, null, 2)}\n`);
  } catch (cause) {
    throw new UsageError(`--json ${path} cannot be written`, { cause });
  }
}
