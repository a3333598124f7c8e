/** The compose files of the repository as a topology: a project of its own for every visit, through nginx. */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finding, UsageError } from '../../model.ts';
import { Cleanup } from '../cleanup.ts';
import { requireImage } from '../docker/container.ts';
import { watchDeaths } from '../docker/deaths.ts';
import { docker, requireEngine } from '../docker/engine.ts';
import { labelsOf, projectLabel, sweepAbandonedContainers } from '../docker/leftovers.ts';
import type { Guardian } from '../guardian.ts';
import { checkSize, coresPerNode, leftoverFindings, quotaFindings } from '../node-quota.ts';
import { timer } from '../timed.ts';
import type { RunningTopology, Step, Topology } from '../topology.ts';
import { composeFileOf, removeProject, type StackContext } from './measured-project.ts';
import { type ComposeApplication, startStackApplication, startStackNodes } from './measured-stack.ts';
import { overrideFile } from './override.ts';

export interface ComposeOptions {
  readonly guardian: Guardian;
  /** Replicas of the replicated arm: the file has two. */
  readonly maxReplicas: number;
  readonly nodeCpus: number | null | 'auto';
  readonly limits: 'auto' | 'none';
  /** Folder of the compose files. */
  readonly folder: string;
  /** DATA_* variables: the application makes schema and data of this size itself. */
  readonly data: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onStep?: (step: Step) => void;
}

export interface ComposeTopology extends Topology {
  readonly name: 'compose';
  /** The application tier of the stack that was started last. */
  startApplication(
    readyPath: string,
    readyTimeoutMs: number,
    signal: AbortSignal,
  ): Promise<ComposeApplication>;
}

const replicasInFile = 2;

/** Throws UsageError, EnvironmentError, or the signal's reason; leaves nothing behind then. */
export async function createComposeTopology(options: ComposeOptions): Promise<ComposeTopology> {
  const { guardian, folder, signal } = options;
  checkCompose(options);
  const onStep = options.onStep ?? (() => undefined);
  const steps: Step[] = [];
  const timed = timer(steps, onStep);
  const env = { ...process.env, ...guardian.environment };
  const postgresImage = process.env['POSTGRES_IMAGE'] || 'postgres:17';
  const cleanup = new Cleanup();
  try {
    const left = await timed('check the engine', async () => {
      await requireEngine(signal);
      for (const label of labelsOf(guardian.runName)) await guardian.registerContainers(label);
      cleanup.add(() => removeProject(guardian.runName));
      await requireImage(postgresImage, { signal, env });
      return sweepAbandonedContainers();
    });
    const postgresVersion = await versionOf(postgresImage, env, signal);
    const overrideFolder = join(tmpdir(), `${guardian.runName}.compose`);
    await guardian.registerDirectory(overrideFolder);
    cleanup.add(() => rm(overrideFolder, { recursive: true, force: true }));
    await mkdir(overrideFolder, { mode: 0o700 });
    for (const replicas of [0, replicasInFile])
      await writeFile(join(overrideFolder, `override-${replicas}.yml`), overrideFile(replicas));
    const deaths = cleanup.use(await watchDeaths(`${projectLabel}=${guardian.runName}`, env));
    const nodeCpus = options.limits === 'none' ? null : coresPerNode(options);
    const context: StackContext = {
      ...{ guardian, folder, overrideFolder, data: options.data, nodeCpus, deaths, onStep },
    };
    const closing = new AbortController();
    let current: Awaited<ReturnType<typeof startStackNodes>> | undefined;
    cleanup.add(() => closing.abort(new Error('the topology was taken down')));
    return {
      name: 'compose',
      limitMethod: nodeCpus === null ? 'none' : 'container',
      nodeCpus,
      findings: [...quotaFindings(null, nodeCpus), ...leftoverFindings(left), limitsFinding(nodeCpus)],
      postgresVersion,
      dataDir: null,
      steps,
      async start(arm, startSignal): Promise<RunningTopology> {
        current = await startStackNodes(
          context,
          arm.replicas,
          AbortSignal.any([startSignal, closing.signal]),
        );
        return current.topology;
      },
      startApplication(readyPath, readyTimeoutMs, startSignal) {
        if (current === undefined) throw new Error('the application of a stack starts after its nodes');
        return startStackApplication(context, current.stack, {
          readyPath,
          readyTimeoutMs,
          signal: startSignal,
        });
      },
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

function checkCompose(options: ComposeOptions): void {
  checkSize(options);
  if (options.maxReplicas !== replicasInFile) {
    throw new UsageError(
      `--replicas ${options.maxReplicas}: docker-compose.replication.yml has ${replicasInFile} replicas; use --topology testcontainers for another number`,
    );
  }
  for (const replicas of [0, replicasInFile]) {
    const file = join(options.folder, composeFileOf(replicas));
    if (!existsSync(file)) {
      throw new UsageError(
        `--topology compose needs ${file}, which is in the repository and not in the package: run it from a clone`,
      );
    }
  }
}

/** Whoever knows the files would read their limits into the figures. */
function limitsFinding(nodeCpus: number | null): Finding {
  const instead = nodeCpus === null ? 'nothing is limited' : `each node has ${nodeCpus.toFixed(2)} cores`;
  return {
    severity: 'info',
    id: 'compose-limits',
    message: `the CPU limits of the compose files do not apply: ${instead}, the application tier is unlimited; limits of memory are those of the files`,
  };
}

async function versionOf(image: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const command = ['run', '--rm', '--network', 'none', '--entrypoint', 'postgres', image, '--version'];
  const { stdout } = await docker(command, { env, signal });
  return /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
