/** The application under test in a container on the nodes' network. */
import type { CpuSource, MemorySource } from '../../model.ts';
import { lastWords } from '../docker/container.ts';
import { docker } from '../docker/engine.ts';
import { waitUntilReady } from '../ready.ts';
import type { Loss } from '../topology.ts';
import type { ContainersContext } from './context.ts';
import { startContainer } from './start-container.ts';

export interface ContainerApplicationOptions {
  readonly context: ContainersContext;
  readonly image: string;
  /** Names the container; never used twice in a run. */
  readonly name: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Path in the container -> content. */
  readonly files: Readonly<Record<string, string>>;
  readonly readyPath: string;
  readonly readyTimeoutMs: number;
  /** Blotted out of the output that an error shows. */
  readonly secrets: readonly string[];
  readonly signal: AbortSignal;
}

export interface ContainerApplication extends AsyncDisposable {
  readonly baseUrl: string;
  readonly cpu: CpuSource;
  readonly memory: MemorySource;
  readonly lost: Promise<Loss>;
}

/** Throws EnvironmentError with the last lines of its output when it is not ready in time. */
export async function startContainerApplication(
  options: ContainerApplicationOptions,
): Promise<ContainerApplication> {
  const { context, secrets, signal } = options;
  signal.throwIfAborted();
  const name = `${context.guardian.runName}.${options.name}`;
  const remove = () => docker(['rm', '--force', '--volumes', name]);
  try {
    const { id, port, cpu, memory } = await startContainer(context.library, {
      ...{ image: options.image, name, labels: context.labels, network: context.network },
      ...{ alias: options.name, env: options.env, files: options.files, port: options.port },
      unprivileged: true,
    });
    const ended = context.deaths.of(id);
    const baseUrl = `http://127.0.0.1:${port}`;
    await waitUntilReady({
      url: baseUrl + options.readyPath,
      timeoutMs: options.readyTimeoutMs,
      ended,
      lastWords: () => lastWords(id, secrets),
      signal,
    });
    let asked = false;
    const lost = ended.then(async (how): Promise<Loss> => {
      if (asked) return new Promise<never>(() => undefined);
      return { node: 'app', reason: `the application ended (${how})${await lastWords(id, secrets)}` };
    });
    return {
      ...{ baseUrl, cpu, memory, lost },
      async [Symbol.asyncDispose]() {
        asked = true;
        await remove();
      },
    };
  } catch (error) {
    await remove().catch(() => undefined); // by label at the end of the run
    throw error;
  }
}
