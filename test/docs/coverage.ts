import { documentedCommands } from './commands.ts';

/** Which test runs which command of the documentation. */
interface Covered {
  /** As documented, without its comment. */
  readonly command: string;
}

/** Run by a test that exists for more than the documentation; `evidence` is text of that file which shows it. */
export interface RunElsewhere extends Covered {
  readonly by: string;
  readonly evidence: string;
}

/** Run word for word on a live stack by test/containers/docs; what it prints has to match. */
export interface RunLive extends Covered {
  readonly prints: RegExp;
}

export type Coverage = RunElsewhere | RunLive;

const ci = '.ci/run';
const shippedPackage = 'test/package.test.ts';

/** The runbooks as they stand on their page, block by block, by runbooks.test.ts. */
const runbooks = documentedCommands()
  .filter(({ page }) => page === 'docs/runbooks.md')
  .map(({ command }) => ({
    command,
    by: 'test/containers/operations/runbook-cases.ts',
    evidence: 'runbookBlocks()',
  }));

export const coverage: readonly Coverage[] = [
  ...new Map(runbooks.map((entry) => [entry.command, entry])).values(),

  // README.md
  { command: 'npm ci && npm run bench', by: ci, evidence: 'npm run bench -- --quick' },
  { command: 'npm ci && npm test', by: ci, evidence: 'npm ci --no-audit' },
  { command: 'npm run bench -- --live', by: 'test/cli-run.test.ts', evidence: "'--live'" },
  { command: 'npm run bench -- --quick', by: ci, evidence: 'npm run bench -- --quick' },
  {
    command: 'npm run bench -- --scenario write-heavy',
    by: 'test/experiment/scenario.test.ts',
    evidence: "'write-heavy'",
  },
  {
    command: 'npm run bench -- --arms baseline,native,balanced',
    by: 'test/faults-run.test.ts',
    evidence: "'--arms', 'baseline,native,balanced'",
  },
  {
    command: 'npm run bench -- --arms native,balanced --fault kill:replica1@0.3-0.6',
    by: 'test/faults-run.test.ts',
    evidence: "'--fault', 'kill:replica1@0.3-0.7'",
  },
  {
    command: 'npm run bench -- --replicas 4 --blocks 10',
    by: shippedPackage,
    evidence: "'compare', '--quick', '--blocks', '1'",
  },
  { command: 'npm run bench:baseline', by: 'test/cli-run.test.ts', evidence: "['measure', 'baseline'" },
  { command: 'npm run bench:replicated', by: 'test/cli-run.test.ts', evidence: "['measure', 'replicated'" },
  { command: 'npm run bench:gate', by: 'test/gates/shop.ts', evidence: "'gate', '--out'" },
  {
    command: 'npm run replibench -- report <run>',
    by: 'test/cli-run.test.ts',
    evidence: "runCli(['report', run])",
  },
  {
    command: 'npm run replibench -- load http://127.0.0.1:3000/ --rate 200 --duration 20',
    by: 'test/load/load-command.test.ts',
    evidence: "'--rate', '100', '--duration', '1.5'",
  },
  { command: 'npm run replibench -- init', by: 'test/cli-usage.test.ts', evidence: "runCli(['init']" },

  {
    command: 'npm run replibench -- doctor',
    by: 'test/containers/operations/verify-cases.ts',
    evidence: "succeed(stack(), 'doctor')",
  },

  // docs/your-application.md
  { command: 'npm install --save-dev replibench', by: shippedPackage, evidence: 'npm' },
  { command: 'npx replibench init', by: 'test/cli-usage.test.ts', evidence: "runCli(['init']" },
  { command: 'npx replibench compare', by: shippedPackage, evidence: "cli('compare'" },

  // docs/deployment.md
  { command: 'cp .env.example .env', by: 'test/containers/docs/commands.test.ts', evidence: '.env.example' },
  {
    command: 'docker compose -f docker-compose.replication.yml up -d --wait',
    prints: /nginx-1 +Healthy/,
  },
  { command: 'npm run replibench -- verify --topology compose', prints: /(^|\n)ok\b/ },
  {
    command: 'docker compose up -d --wait',
    by: 'test/containers/stack/bring-up.test.ts',
    evidence: "'docker-compose.yml'",
  },
  { command: 'docker/local-images/build.sh', prints: /postgres:17 is there/ },

  // docs/topologies.md
  {
    command: 'npm run bench -- --topology testcontainers --quick',
    by: 'test/containers/topologies/run.test.ts',
    evidence: "'testcontainers'",
  },
  {
    command: 'npm run bench -- --topology compose --quick',
    by: 'test/containers/topologies/run.test.ts',
    evidence: "'compose'",
  },
  {
    command: "export REPLIBENCH_PRIMARY_URL='postgres://user:password@primary.example/app?sslmode=require'",
    by: 'test/external-run.test.ts',
    evidence: 'REPLIBENCH_PRIMARY_URL',
  },
  {
    command: "export REPLIBENCH_REPLICA_URLS='postgres://user:password@replica1.example/app?sslmode=require'",
    by: 'test/experiment/external-target.test.ts',
    evidence: 'REPLIBENCH_REPLICA_URLS',
  },
  {
    command:
      'npm run bench -- --topology external --allow-writes --baseline-url http://app-single.example --replicated-url http://app-replicated.example',
    by: 'test/external-run.test.ts',
    evidence: '--replicated-url',
  },

  // docs/monitoring.md
  {
    command: 'docker compose -f docker-compose.replication.yml --profile monitoring up -d --wait',
    prints: /prometheus-1 +Healthy/,
  },
  { command: 'npm run replibench -- status', prints: /replica1 .*streaming/ },
  {
    command: 'promtool test rules docker/prometheus/tests/*.yml',
    by: 'test/containers/monitoring/monitoring.test.ts',
    evidence: "promtool('test', 'rules'",
  },
];

export function isLive(entry: Coverage): entry is RunLive {
  return 'prints' in entry;
}
