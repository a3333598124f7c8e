import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** Which rooms a room of the harness may import from, itself apart. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'bench/model.ts': [],
  'bench/monotonic-clock.ts': [],
  'bench/index.ts': ['bench/experiment', 'bench/model.ts'],
  'bench/topology': ['bench/model.ts', 'bench/monotonic-clock.ts'],
  'bench/load': ['bench/model.ts', 'bench/monotonic-clock.ts'],
  'bench/probes': ['bench/model.ts', 'bench/monotonic-clock.ts'],
  'bench/faults': ['bench/model.ts', 'bench/monotonic-clock.ts'],
  'bench/analysis': ['bench/model.ts'],
  'bench/report': ['bench/model.ts', 'bench/analysis'],
  'bench/experiment': [
    'bench/model.ts',
    'bench/monotonic-clock.ts',
    'bench/topology',
    'bench/load',
    'bench/probes',
    'bench/faults',
  ],
  'bench/operations': [
    'bench/model.ts',
    'bench/monotonic-clock.ts',
    'bench/topology',
    'bench/probes',
    'bench/experiment',
  ],
  'bench/commands': [
    'bench/model.ts',
    'bench/monotonic-clock.ts',
    'bench/experiment',
    'bench/operations',
    'bench/analysis',
    'bench/report',
    'bench/load',
  ],
  'bench/cli.ts': ['bench/model.ts', 'bench/commands'],
  scenarios: ['bench/model.ts'],
  'src/environment.ts': [],
  'src/db': ['src/environment.ts'],
  'src/cache': ['src/environment.ts'],
  'src/app': ['src/environment.ts', 'src/db', 'src/cache'],
};

/** Modules that reach outside the program; analysis and report must work without them. */
const impure = /^node:(fs|child_process|net|http|https|process|os|worker_threads|perf_hooks|timers)/;

const files = ['bench', 'scenarios', 'src'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file)),
);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

describe('imports run downward only', () => {
  test.each(files)('%s', (file) => {
    const room = roomOf(file);
    for (const target of imports.get(file) ?? []) {
      if (!target.startsWith('.')) continue;
      const other = roomOf(relative(root, resolve(root, dirname(file), target)));
      if (other !== room) expect(allowed[room], `${file} imports ${target}`).toContain(other);
    }
  });

  test('without circles', () => {
    expect(findCircle()).toBeUndefined();
  });

  test('analysis and report touch nothing outside the program', () => {
    for (const [file, targets] of imports) {
      if (!/^bench\/(analysis|report)\//.test(file)) continue;
      expect(
        targets.filter((target) => impure.test(target)),
        file,
      ).toEqual([]);
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(/\bprocess\.|Date\.now|Math\.random/);
    }
  });

  test('only cli.ts reads argv, prints and exits', () => {
    for (const file of files) {
      // Programs that run as processes of their own have an argv and an end of their own.
      if (!file.startsWith('bench/') || file === 'bench/cli.ts' || isProgram(file)) continue;
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(
        /process\.(argv|exit\b|exitCode|stdout|stderr)|console\./,
      );
    }
  });
});

function isProgram(file: string): boolean {
  return /^bench\/(load\/worker|load\/benchmark\/.*|topology\/guardian-process|faults\/link-process)\.ts$/.test(
    file,
  );
}

function roomOf(file: string): string {
  const room = Object.keys(allowed)
    .filter((name) => file === name || file.startsWith(`${name}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (room === undefined) throw new Error(`${file} is in no room of the house; see the table in this test`);
  return room;
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [
    ...text.matchAll(/^(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)|^import\s+'([^']+)'/gm),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function findCircle(): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of imports.get(file) ?? []) {
      if (!target.startsWith('.')) continue;
      const found = walk(relative(root, resolve(root, dirname(file), target)), [...path, file]);
      if (found !== undefined) return found;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const found = walk(file, []);
    if (found !== undefined) return found;
  }
  return undefined;
}
