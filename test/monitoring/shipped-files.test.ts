/** What can be said of docker/prometheus and docker/grafana without running them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const prometheus = path.join(root, 'docker/prometheus');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const rules = read('docker/prometheus/rules/replication.yml');
const testFiles = readdirSync(path.join(prometheus, 'tests')).map((name) =>
  path.join(prometheus, 'tests', name),
);
const ruleTests = testFiles.map((file) => readFileSync(file, 'utf8')).join('\n');
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);

describe.each(alerts)('the alert %s', (alert) => {
  it('has a case in which it fires and one in which it is silent', () => {
    expect(ruleTests).toMatch(new RegExp(`- alertname: ${alert}\\n\\s+eval_time: \\S+\\n\\s+exp_alerts:`));
    expect(ruleTests).toMatch(new RegExp(`- \\{ alertname: ${alert}, eval_time: \\S+ \\}`));
  });

  it('is explained in docs/monitoring.md', () => {
    expect(read('docs/monitoring.md')).toContain(`\`${alert}\``);
  });
});

test('the four conditions of the seed are all there', () => {
  expect(alerts).toEqual(
    expect.arrayContaining([
      'ReplicaLagBytes',
      'ReplicaLagSeconds',
      'ReplicaNotStreaming',
      'ReplicaConflicts',
    ]),
  );
});

test('every target is a service of the compose file', () => {
  const targets = [...read('docker/prometheus/prometheus.yml').matchAll(/"([a-z0-9-]+):\d+"/g)];
  const compose = read('docker-compose.replication.yml');
  expect(targets).toHaveLength(6);
  for (const [, service] of targets) expect(compose).toContain(`\n  ${service}:\n`);
});

test('every panel of the dashboard has an identity of its own and asks for something', () => {
  const { panels } = JSON.parse(read('docker/grafana/dashboards/replication.json')) as {
    panels: { id: number; type: string; title: string; targets?: { expr: string }[] }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { type, title, targets = [] } of panels)
    if (type !== 'row') expect(targets.length, title).toBeGreaterThan(0);
});

// Where there is none, test/containers/monitoring runs them in the image of Prometheus.
test.skipIf(!promtoolAnswers())('promtool: the rules hold (skipped without promtool)', () => {
  const output = execFileSync('promtool', ['test', 'rules', ...testFiles], { encoding: 'utf8' });
  expect(output.match(/SUCCESS/g)).toHaveLength(testFiles.length);
});

function promtoolAnswers(): boolean {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
