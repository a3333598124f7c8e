/**
 * What the router costs: CPU of the client process for each read and each write by primary key, with Sequelize's own
 * replication, with the router, and with a single pool, in turn within each round. Four at once, so that all of them use
 * every replica.
 * `node test/bench/routing-cost.ts [rounds] [queries in a round]`
 */
import { DataTypes, type Model, type ModelStatic } from 'sequelize';
import { median, medianInterval } from '../../bench/analysis/median.ts';
import { createDatabase, inSession, newSession } from '../../src/db/routing/index.ts';
import { type PostgresNode, startReplicated } from '../support/postgres.ts';

const [rounds = '30', queries = '400'] = process.argv.slice(2);
const atOnce = 4;
await using cluster = await startReplicated(2);

interface Contender {
  readonly name: string;
  /** Asks once. */
  readonly read: (id: number) => Promise<unknown>;
  readonly write: (id: number) => Promise<unknown>;
  close(): Promise<void>;
}

const contenders: readonly Contender[] = [
  open('native', 'native', cluster.replicas),
  open('balanced', 'balanced', cluster.replicas),
  open('balanced, in a session', 'balanced', cluster.replicas, true),
  open('one node, primary-only', 'primary-only', []),
  open('one node, balanced', 'balanced', []),
];
await cluster.primary.query(
  'CREATE TABLE agents (id int PRIMARY KEY, name text NOT NULL, status text NOT NULL)',
);
await cluster.primary.query(
  `INSERT INTO agents SELECT id, 'agent ' || id, 'away' FROM generate_series(1, 1000) id`,
);
await cluster.caughtUp();

const costs = new Map(contenders.map(({ name }) => [name, { read: [] as number[], write: [] as number[] }]));
for (let round = 0; round <= Number(rounds); round += 1) {
  for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
    for (const kind of ['read', 'write'] as const) {
      const usPerQuery = await measure(contender[kind]);
      // In the first round connections are made and code is compiled.
      if (round > 0) costs.get(contender.name)?.[kind].push(usPerQuery);
    }
  }
}
for (const contender of contenders) await contender.close();

report('balanced', 'native');
report('balanced, in a session', 'native');
report('one node, balanced', 'one node, primary-only');

function open(
  name: string,
  routing: 'native' | 'balanced' | 'primary-only',
  replicas: readonly PostgresNode[],
  inOneSession = false,
): Contender {
  const { host, port, user, password, database } = cluster.primary;
  const { sequelize } = createDatabase({
    ...{ routing, dialect: 'postgres', database, username: user, password, logging: false },
    ...(replicas.length === 0
      ? { host, port }
      : {
          replication: {
            write: { host, port },
            read: replicas.map((replica) => ({ host, port: replica.port })),
          },
        }),
  });
  const agents: ModelStatic<Model> = sequelize.define(
    'agents',
    { name: DataTypes.TEXT, status: DataTypes.TEXT },
    { timestamps: false },
  );
  const session = newSession();
  const within = (work: () => Promise<unknown>): Promise<unknown> =>
    inOneSession ? inSession(session, work) : work();
  return {
    name,
    read: (id) => within(() => agents.findByPk(id)),
    write: (id) => within(() => agents.update({ status: `at ${id}` }, { where: { id } })),
    close: () => sequelize.close(),
  };
}

/** CPU of this process, microseconds for each query. */
async function measure(ask: (id: number) => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < Number(queries)) {
      begun += 1;
      await ask(1 + (begun % 1_000));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / Number(queries);
}

function report(name: string, against: string): void {
  for (const kind of ['read', 'write'] as const) {
    const [own = [], others = []] = [name, against].map((each) => costs.get(each)?.[kind]);
    const ratios = own.map((cost, index) => cost / (others[index] ?? Number.NaN));
    const interval = medianInterval(ratios);
    const percent = (ratio: number | null | undefined): string =>
      `${(((ratio ?? Number.NaN) - 1) * 100).toFixed(1)} %`;
    console.log(
      `${kind}: ${name} ${median(own)?.toFixed(0)} µs, ${against} ${median(others)?.toFixed(0)} µs: ` +
        `${percent(median(ratios))} [${percent(interval?.low)} to ${percent(interval?.high)}], n = ${ratios.length} rounds`,
    );
  }
}
