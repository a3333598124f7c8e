/** Every PromQL expression that is shipped, as text. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { configuration } from './prometheus.ts';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** Of the dashboard: what its panels ask for. */
export async function dashboardExpressions(): Promise<readonly string[]> {
  const file = path.resolve(configuration, '../grafana/dashboards/replication.json');
  const { panels } = JSON.parse(await readFile(file, 'utf8')) as { panels: readonly Panel[] };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

export interface Rules {
  /** Names of recorded series, in order. */
  readonly recorded: readonly string[];
  readonly alerts: readonly string[];
  /** Selectors of series that come from exporters, as they stand in the rules. */
  readonly selectors: readonly string[];
}

export async function shippedRules(): Promise<Rules> {
  const text = await readFile(path.join(configuration, 'rules/replication.yml'), 'utf8');
  const code = text.replaceAll(/^\s*#.*$/gm, '');
  return {
    recorded: named(code, 'record'),
    alerts: named(code, 'alert'),
    selectors: [...new Set(code.match(/\w*\{[^{}\n]*job="postgres"[^{}\n]*\}/g))],
  };
}

function named(text: string, key: 'record' | 'alert'): string[] {
  return [...text.matchAll(new RegExp(`- ${key}: (\\S+)`, 'g'))].map(([, name = '']) => name);
}
