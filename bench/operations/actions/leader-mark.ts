/**
 * The mark in the stack's identity volume that says who may be primary: a node whose data is a primary's does
 * not start while it names another one (docker/postgres/node-start.sh). Writing it is how one is fenced.
 */

import { EnvironmentError } from '../../model.ts';
import type { Stack } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';

/** Null when no node runs that could tell, or nothing was written yet. */
export async function readLeaderMark(stack: Stack, signal: AbortSignal): Promise<string | null> {
  const id = runningNode(stack);
  if (id === undefined) return null;
  const { stdout } = await inNode(id, 'read_mark leader', [], signal);
  return stdout.trim() || null;
}

/** Throws EnvironmentError when no node runs. */
export async function writeLeaderMark(stack: Stack, leader: string, signal: AbortSignal): Promise<void> {
  const id = runningNode(stack);
  if (id === undefined) throw new EnvironmentError('no node runs: the mark of the leader cannot be written');
  await inNode(id, 'write_mark leader "$1"', [leader], signal);
}

function inNode(id: string, command: string, args: readonly string[], signal: AbortSignal) {
  const script = `set -euo pipefail; source /usr/local/lib/replibench/cluster.sh; ${command}`;
  return docker(['exec', '-u', 'postgres', id, 'bash', '-c', script, 'replibench', ...args], { signal });
}

function runningNode(stack: Stack): string | undefined {
  return (
    stack.nodes.find(({ state, containerId }) => state === 'running' && containerId !== null)?.containerId ??
    undefined
  );
}
