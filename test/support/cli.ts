import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import type { RunResult } from '../../bench/model.ts';

const root = resolve(import.meta.dirname, '../..');
export const cliPath = join(root, 'bench/cli.ts');

export interface CliRun {
  readonly child: ChildProcess;
  /** Everything printed so far, both streams. */
  output(): string;
  /** Resolves when the output matches; rejects when the program ends first. */
  printed(pattern: RegExp): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
}

/** Runs the command line program as a user would. */
export function startCli(args: readonly string[], options: { cwd?: string; env?: object } = {}): CliRun {
  const child = spawn(process.execPath, [cliPath, ...args], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  const ended = new Promise<{ code: number | null; output: string }>((done) => {
    child.once('close', (code) => done({ code, output }));
  });
  return {
    child,
    ended,
    output: () => output,
    printed: (pattern) =>
      new Promise((done, fail) => {
        const check = () => {
          if (!pattern.test(output)) return;
          listeners.delete(check);
          done();
        };
        listeners.add(check);
        check();
        void ended.then(({ code }) =>
          fail(new Error(`it ended (exit code ${code}) before ${pattern}:\n${output}`)),
        );
      }),
  };
}

export function runCli(args: readonly string[], options: { cwd?: string; env?: object } = {}) {
  return startCli(args, options).ended;
}

/** The only run folder below `reports`. */
export async function onlyRun(reports: string): Promise<string> {
  const names = await readdir(reports);
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw new Error(`expected one run in ${reports}, found ${names}`);
  return join(reports, name);
}

export interface Leftovers {
  readonly processes: readonly string[];
  readonly folders: readonly string[];
  readonly cgroups: readonly string[];
}

/** What there is of a run on this machine: processes by its mark or working folder, folders, cgroups. */
export async function leftoversOf(runId: string, dataParent = tmpdir()): Promise<Leftovers> {
  const processes: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const marked = environment.includes(`REPLIBENCH_RUN_ID=${runId}`) || command.includes(runId);
    if (marked) processes.push(`${pid} ${command.replaceAll('\0', ' ')}`);
  }
  const folders = (await readdir(dataParent)).filter((name) => name.includes(runId));
  const cgroups: string[] = [];
  for (const controller of ['cpu', 'cpuacct', 'cpu,cpuacct', '.']) {
    const names = await readdir(join('/sys/fs/cgroup', controller)).catch(() => []);
    cgroups.push(...names.filter((name) => name.includes(runId)).map((name) => join(controller, name)));
  }
  return { processes, folders, cgroups };
}

/** Polls until a run has left nothing, or the deadline passes; returns what is still there. */
export async function leftoversWithin(ms: number, runId: string, dataParent?: string): Promise<Leftovers> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await leftoversOf(runId, dataParent);
    const count = found.processes.length + found.folders.length + found.cgroups.length;
    if (count === 0 || Date.now() > deadline) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
}

export const nothing: Leftovers = { processes: [], folders: [], cgroups: [] };

/** What other tests on the same two cores do to a run; the one thing a test suite cannot promise it is calm. */
const causedByNeighbours = ['foreign-cpu', 'generator-cpu', 'generator-event-loop', 'schedule-lag'];

/** That a run ended well: valid, or invalid only because other tests used the machine at the same time. */
export function expectGoodEnd(code: number | null, result: RunResult, output: string): void {
  expect(code, output).toBe(result.exitCode);
  const invalid = result.validity.findings.filter(({ severity }) => severity === 'invalid');
  expect(invalid.filter(({ id }) => !causedByNeighbours.includes(id))).toEqual([]);
  expect(result.exitCode).toBe(invalid.length === 0 ? 0 : 3);
}
