/** What the tests ask a running Prometheus, and a copy of its configuration that alerts sooner. */
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const configuration = path.resolve(import.meta.dirname, '../../../docker/prometheus');

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timeS: number, value: string];
}

export interface Prometheus {
  query(expression: string): Promise<readonly Sample[]>;
  targets(): Promise<readonly { readonly health: string; readonly scrapeUrl: string }[]>;
  /** `name node` of every alert that fires, sorted. */
  firing(): Promise<readonly string[]>;
}

export function prometheusAt(url: string): Prometheus {
  const ask = async <Data>(question: string): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${question}`, { signal: AbortSignal.timeout(10_000) });
    const answer = (await response.json()) as { status: string; error?: string; data: Data };
    if (answer.status !== 'success') throw new Error(`${question}: ${answer.error}`);
    return answer.data;
  };
  return {
    async query(expression) {
      const { result } = await ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`);
      return result;
    },
    async targets() {
      return (await ask<{ activeTargets: { health: string; scrapeUrl: string }[] }>('targets')).activeTargets;
    },
    async firing() {
      const { alerts } = await ask<{ alerts: { state: string; labels: Record<string, string> }[] }>('alerts');
      const names = alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels);
      return names.map(({ alertname, node }) => `${alertname} ${node ?? ''}`.trim()).sort();
    },
  };
}

/** The shipped configuration, with alerts that wait 5 s and a time lag that counts from 10 s on. */
export async function impatientConfiguration(): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'replibench-prometheus-'));
  await cp(configuration, folder, { recursive: true });
  await chmod(folder, 0o755);
  const file = path.join(folder, 'rules/replication.yml');
  const rules = await readFile(file, 'utf8');
  const sooner = rules.replaceAll(/for: \S+/g, 'for: 5s').replace('lag:seconds > 60', 'lag:seconds > 10');
  await writeFile(file, sooner);
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
