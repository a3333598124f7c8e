/**
 * What the router costs a whole application: two programs, one with `balanced` routing, get the same requests at the
 * same times over the same servers, and the CPU time of their processes is compared. In each round both are started
 * anew, and each comes first in turn. Without quotas: this is about the application, not about what replicas give.
 * `node test/bench/routing-cost-of-application.ts [rounds] [seconds of a round] [requests a second for each]`
 */

import { median, medianInterval } from '../../bench/analysis/median.ts';
import { runLoad } from '../../bench/load/run-load.ts';
import type { LoadPlan } from '../../bench/model.ts';
import { createProcessTree } from '../../bench/probes/process-tree.ts';
import mixed from '../../scenarios/mixed.ts';
import { type ReplicatedPostgres, startReplicated } from '../support/postgres.ts';
import {
  type AppProcess,
  databaseVariables,
  loadSmallDataSet,
  smallDataSet,
  startApp,
} from '../support/sample-app.ts';

const [rounds = 6, seconds = 40, rateHz = 300] = process.argv.slice(2).map(Number);
/** Code is compiled and connections are made. */
const warmUpSeconds = 10;
let slices = 0;

await compare(2, 'native');
await compare(0, 'primary-only');

async function compare(replicas: number, reference: 'native' | 'primary-only'): Promise<void> {
  await using cluster = await startReplicated(replicas);
  await loadSmallDataSet(cluster.primary);
  await cluster.caughtUp();
  const costs: { readonly ownUs: number; readonly referenceUs: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const routings = ['balanced', reference];
    const order = round % 2 === 0 ? routings : routings.toReversed();
    await using programs = new AsyncDisposableStack();
    const started: AppProcess[] = [];
    for (const routing of order) started.push(programs.use(await start(cluster, routing)));
    await costOf(started, warmUpSeconds);
    const [first = 0, second = 0] = await costOf(started, seconds);
    const [ownUs, referenceUs] = round % 2 === 0 ? [first, second] : [second, first];
    costs.push({ ownUs, referenceUs });
  }
  const ratios = costs.map(({ ownUs, referenceUs }) => ownUs / referenceUs);
  const interval = medianInterval(ratios);
  const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(1)} %`;
  const range =
    interval === null ? 'too few for an interval' : `${percent(interval.low)} to ${percent(interval.high)}`;
  console.log(
    `${replicas} replicas, ${rateHz} requests/s each: balanced ${median(costs.map(({ ownUs }) => ownUs))?.toFixed(0)} ` +
      `µs/request, ${reference} ${median(costs.map(({ referenceUs }) => referenceUs))?.toFixed(0)} µs/request: ` +
      `${percent(median(ratios) ?? Number.NaN)} [${range}], n = ${rounds} rounds`,
  );
}

function start({ primary, replicas }: ReplicatedPostgres, routing: string): Promise<AppProcess> {
  const { host } = primary;
  const addresses = replicas.map(({ port }) => ({ host, port }));
  return startApp({ ...databaseVariables(primary, addresses), DB_ROUTING: routing });
}

/** CPU time for each request, in microseconds, of each program. */
async function costOf(programs: readonly AppProcess[], durationSeconds: number): Promise<readonly number[]> {
  const { signal } = new AbortController();
  const seed = slices + 1;
  return Promise.all(
    programs.map(async ({ url, child }) => {
      const tree = createProcessTree(child.pid ?? 0);
      const before = tree.cpuMs() ?? 0;
      slices += 1;
      const { operations } = await runLoad(planOf(url, seed, slices, durationSeconds), {
        clock: () => performance.now(),
        signal,
      });
      const cpuMs = (tree.cpuMs() ?? 0) - before;
      const answered = operations.reduce((sum, { outcomes }) => sum + outcomes.ok, 0);
      const asked = operations.reduce(
        (sum, { outcomes }) => sum + Object.values(outcomes).reduce((all, each) => all + each, 0),
        0,
      );
      if (answered < asked)
        throw new Error(`${asked - answered} of ${asked} requests to ${url} were not answered`);
      return (cpuMs * 1_000) / answered;
    }),
  );
}

function planOf(baseUrl: string, seed: number, sliceIndex: number, durationSeconds: number): LoadPlan {
  const { teams, users, contacts } = smallDataSet;
  const keys = {
    ...mixed.keys,
    userId: { kind: 'zipf', min: 1, max: users, exponent: 0.8 },
    hotUserId: { kind: 'zipf', min: 1, max: users, exponent: 0.99 },
    teamId: { kind: 'uniform', min: 1, max: teams },
    contactId: { kind: 'uniform', min: 1, max: contacts },
  } as const;
  const segments = [{ durationMs: durationSeconds * 1_000, fromHz: rateHz, toHz: rateHz }];
  return {
    ...{ baseUrl, seed, sliceIndex, readShare: mixed.readShare, operations: mixed.operations, keys },
    streams: [{ kind: 'open', classes: ['read', 'write'], arrivals: 'poisson', segments, maxInFlight: 256 }],
    ...{ timeoutMs: 5_000, drainMs: 1_000 },
  };
}
