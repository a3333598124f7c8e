/**
 * Removes everything that the engine keeps for a run: containers with their anonymous volumes, networks,
 * volumes. What belongs to a run is told by a label: our own, or the one that Compose puts on a project.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAbandoned, parseRunName } from '../run-name.ts';
import { docker } from './engine.ts';

/** On everything that a run makes itself; the value is the run's name (run-name.ts). */
export const runLabel = 'replibench.run';
/** On everything of a compose project; a run's project is called like the run. */
export const projectLabel = 'com.docker.compose.project';

/** Labels (`name=value`) by which everything of a run is found. */
export function labelsOf(runName: string): readonly string[] {
  return [`${runLabel}=${runName}`, `${projectLabel}=${runName}`];
}

/** In the order in which they can be removed: a network is busy while a container is on it. */
const kinds = [
  { kind: 'container', list: ['ps', '-aq', '--no-trunc'], remove: ['rm', '--force', '--volumes'] },
  { kind: 'network', list: ['network', 'ls', '-q', '--no-trunc'], remove: ['network', 'rm'] },
  { kind: 'volume', list: ['volume', 'ls', '-q'], remove: ['volume', 'rm', '--force'] },
] as const;

/** An engine finishes what it was asked for by somebody who is gone, so one empty look proves nothing. */
const looksByDefault = 3;
const pauseMs = 250;
const commandTimeoutMs = 30_000;

/**
 * Removes whatever carries one of the labels. Returns one sentence per thing that is still there after
 * `deadlineMs`, or why the engine could not be asked; empty = all gone. One look is enough for who knows
 * that nobody makes anything any more.
 */
export async function removeContainers(
  labels: readonly string[],
  deadlineMs: number,
  looks = looksByDefault,
): Promise<string[]> {
  if (labels.length === 0) return [];
  const givenUpAt = performance.now() + deadlineMs;
  let left: string[] = [];
  for (let emptyLooks = 0; emptyLooks < looks && performance.now() < givenUpAt; ) {
    try {
      left = await removeOnce(labels);
    } catch (error) {
      left = [`containers cannot be removed: ${error instanceof Error ? error.message : String(error)}`];
    }
    emptyLooks = left.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks < looks) await sleep(left.length > 0 ? 20 : pauseMs);
  }
  return left;
}

/**
 * Removes what earlier runs on this machine left when their harness and their guardian both died.
 * Returns one sentence per thing that could not be removed.
 */
export async function sweepAbandonedContainers(): Promise<string[]> {
  // Another machine's runs on a shared engine cannot be told from dead ones.
  const { stdout } = await docker(['info', '--format', '{{.Name}}'], { timeoutMs: commandTimeoutMs });
  if (stdout.trim() !== hostname()) return [];
  const names = new Set<string>();
  for (const { list } of kinds) {
    for (const label of [runLabel, projectLabel]) {
      for (const value of await valuesOf(list[0], label)) names.add(value);
    }
  }
  const abandoned = [...names].filter((name) => {
    const run = parseRunName(name);
    return run !== null && isAbandoned(run);
  });
  return (await Promise.all(abandoned.map((name) => removeContainers(labelsOf(name), 30_000)))).flat();
}

/** Returns what was found; the next look tells what is really left. */
async function removeOnce(labels: readonly string[]): Promise<string[]> {
  const found = await Promise.all(kinds.map(({ list }) => listed(list, labels)));
  for (const [index, { remove }] of kinds.entries()) {
    const ids = found[index] ?? [];
    // Somebody else may remove it at the same moment.
    if (ids.length > 0)
      await docker([...remove, ...ids], { timeoutMs: commandTimeoutMs }).catch(() => undefined);
  }
  return kinds.flatMap(({ kind }, index) => (found[index] ?? []).map((id) => `${kind} ${id} is still there`));
}

async function listed(list: readonly string[], labels: readonly string[]): Promise<string[]> {
  const outputs = await Promise.all(
    // Several filters for labels in one command would all have to match.
    labels.map((label) => docker([...list, '--filter', `label=${label}`], { timeoutMs: commandTimeoutMs })),
  );
  return [...new Set(outputs.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean)))];
}

/** The values of a label on everything of a kind. */
async function valuesOf(kind: 'ps' | 'network' | 'volume', label: string): Promise<string[]> {
  const list = kind === 'ps' ? ['ps', '-a'] : [kind, 'ls'];
  const format = `{{.Label "${label}"}}`;
  const { stdout } = await docker([...list, '--filter', `label=${label}`, '--format', format], {
    timeoutMs: commandTimeoutMs,
  });
  return stdout.split('\n').filter(Boolean);
}
