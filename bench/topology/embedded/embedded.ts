/** A replicated PostgreSQL from the npm binaries: child processes of the harness, on one machine. */
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { Cleanup } from '../cleanup.ts';
import type { Guardian } from '../guardian.ts';
import { detectLimits } from '../limits/detect-limits.ts';
import { checkSize, coresPerNode, leftoverFindings, quotaFindings } from '../node-quota.ts';
import { sweepAbandonedRuns } from '../sweep.ts';
import { timer } from '../timed.ts';
import type { RunningTopology, Step, Topology } from '../topology.ts';
import { unprivilegedAccount } from './account.ts';
import { findBinaries } from './binaries.ts';
import { sizeOf } from './cluster-copy.ts';
import { makeOwnedDirectory, removeDirectory } from './owned-files.ts';
import { startCluster } from './running.ts';
import { makeTemplate } from './template.ts';

export interface EmbeddedOptions {
  readonly guardian: Guardian;
  /** Replicas of the largest arm, 0..8; the quota of every arm is computed from it. */
  readonly maxReplicas: number;
  /** Cores per node; `auto` = 0.4 x cores / nodes of the largest arm; null = no quota. */
  readonly nodeCpus: number | null | 'auto';
  readonly limits: 'auto' | 'none';
  /** Where the run's folder is made. Default: the system's temporary folder. */
  readonly parentDir?: string;
  /** Folder of an installed PostgreSQL's programs. Default: PG_BIN_DIR, else the npm package. */
  readonly binDir?: string | null;
  /** PostgreSQL settings of the measured nodes, over the defaults in settings.ts. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes schema and data; runs once, against a server without quota and without durability. */
  readonly prepare: (primary: NodeAddress, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onStep?: (step: Step) => void;
}

export interface EmbeddedTopology extends Topology {
  readonly name: 'embedded';
  readonly dataDir: string;
}

/** Throws UsageError, EnvironmentError, or the signal's reason; leaves nothing behind then. */
export async function createEmbeddedTopology(options: EmbeddedOptions): Promise<EmbeddedTopology> {
  const { guardian, signal } = options;
  const onStep = options.onStep ?? (() => undefined);
  checkSize(options);
  const steps: Step[] = [];
  const timed = timer(steps, onStep);
  const account = unprivilegedAccount();
  // Without symbolic links: /proc tells where processes really work.
  const parentDir = await realParent(options.parentDir ?? tmpdir());
  const runDir = join(parentDir, guardian.runName);
  const cleanup = new Cleanup();
  const left: string[] = [];
  try {
    const limits = await timed('check the machine', async () => {
      const found = await detectLimits({ guardian, want: options.limits });
      left.push(...(await sweepAbandonedRuns([parentDir, tmpdir()], found.parents)));
      await guardian.registerDirectory(runDir);
      cleanup.add(() => removeDirectory(runDir));
      await makeOwnedDirectory(runDir, account);
      return found;
    });
    const binDir = options.binDir === undefined ? (process.env['PG_BIN_DIR'] ?? null) : options.binDir;
    const binaries = await timed('find binaries', () => findBinaries({ binDir, account, copyTo: runDir }));
    const settings = options.settings ?? {};
    const template = await makeTemplate({
      ...{ runDir, binaries, account, guardian, limits, settings, signal, timed },
      prepare: options.prepare,
    });
    const templateBytes = await sizeOf(template.dataDir);
    const nodeCpus = limits.method === 'none' ? null : coresPerNode(options);

    const closing = new AbortController();
    const started: Promise<RunningTopology>[] = [];
    cleanup.add(async () => {
      closing.abort(new EnvironmentError('the topology was taken down'));
      await Promise.all(
        started.map((cluster) =>
          cluster.then(
            (one) => one[Symbol.asyncDispose](),
            () => undefined,
          ),
        ),
      );
    });
    return {
      name: 'embedded',
      limitMethod: limits.method,
      nodeCpus,
      findings: [...quotaFindings(limits.finding, nodeCpus), ...leftoverFindings(left)],
      postgresVersion: binaries.version,
      dataDir: runDir,
      steps,
      start(arm, startSignal) {
        const cluster = startCluster({
          ...{ binaries, account, guardian, limits, template, templateBytes, nodeCpus, onStep },
          directory: join(runDir, `cluster${started.length + 1}`),
          replicas: arm.replicas,
          signal: AbortSignal.any([startSignal, closing.signal]),
        });
        started.push(cluster);
        return cluster;
      },
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

async function realParent(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw new EnvironmentError(
      `the folder for the nodes' data, ${path}, cannot be used; use --data-dir or TMPDIR for another`,
      {
        cause,
      },
    );
  }
}
