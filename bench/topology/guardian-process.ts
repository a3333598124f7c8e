/**
 * The program behind guardian.ts. Reads registrations from stdin until its end, then removes
 * everything of the run. Exit 0 = nothing is left, 1 = the sentences on stdout say what is.
 */
import { createInterface } from 'node:readline';
import { removeContainers } from './docker/leftovers.ts';
import type { Registration } from './guardian.ts';
import { removeLeftovers } from './leftovers.ts';
import type { ProcessIdentity } from './process-table.ts';
import type { SharedMemory } from './shared-memory.ts';

const runId = process.argv[2] ?? '';
const directories: string[] = [];
const cgroups: string[] = [];
const processes: ProcessIdentity[] = [];
const sharedMemory: SharedMemory[] = [];
const containers: string[] = [];

// The harness decides when this ends; a signal meant for both must not take the one that cleans up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const) process.on(signal, () => undefined);
// Nobody reads it when the harness is dead.
process.stdout.on('error', () => undefined);
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  let registration: Registration;
  try {
    registration = JSON.parse(line);
  } catch {
    continue; // cut off in the middle: the harness died before it could create the thing
  }
  if ('directory' in registration) directories.push(registration.directory);
  else if ('cgroup' in registration) cgroups.push(registration.cgroup);
  else if ('sharedMemory' in registration) sharedMemory.push(registration.sharedMemory);
  else if ('containers' in registration) containers.push(registration.containers);
  else processes.push(registration.process);
}

// Side by side: a docker command that still makes containers is one of the processes to be ended, and
// whatever holds a folder may be in a container.
const removed = await Promise.all([
  removeLeftovers({ runId, directories, cgroups, processes, sharedMemory }, 30_000),
  removeContainers(containers, 60_000),
]);
const failures = removed.flat();
process.stdout.write(failures.map((failure) => `${failure}\n`).join(''));
process.exitCode = failures.length === 0 ? 0 : 1;
