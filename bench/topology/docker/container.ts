/** What the harness asks the engine to do with one container. */
import { EnvironmentError } from '../../model.ts';
import { quotaOf } from '../limits/cpu-limits.ts';
import { withoutSecrets } from '../log-tail.ts';
import { DockerError, type DockerOptions, docker } from './engine.ts';

/** The part of `docker inspect` that is used here. */
export interface InspectedContainer {
  readonly Id: string;
  readonly State: { readonly Pid: number; readonly Running: boolean; readonly ExitCode: number };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>;
  };
}

/** Lines of a log that an error sentence may carry. */
const mostLines = 15;

export async function inspectContainers(
  ids: readonly string[],
  options: DockerOptions = {},
): Promise<readonly InspectedContainer[]> {
  if (ids.length === 0) return [];
  return JSON.parse((await docker(['container', 'inspect', ...ids], options)).stdout);
}

/** The loopback port that stands for a port of the container. Throws EnvironmentError when it is not published. */
export function publishedPort({ Id, NetworkSettings }: InspectedContainer, port: number): number {
  const published = NetworkSettings.Ports[`${port}/tcp`]?.find(({ HostIp }) => !HostIp.includes(':'));
  if (published === undefined)
    throw new EnvironmentError(
      `port ${port} of container ${Id.slice(0, 12)} is not published on this machine`,
    );
  return Number(published.HostPort);
}

/**
 * Cores the container may use from now on, null = all. Refused by the engine for a container that was made
 * with a limit of its own (`--cpus`).
 */
export async function limitCpu(id: string, cpus: number | null, options: DockerOptions = {}): Promise<void> {
  const { quotaUs, periodUs } = quotaOf(cpus ?? 1);
  // Minus one lifts the quota; the period stays, which means nothing without one.
  const quota = cpus === null ? -1 : quotaUs;
  await docker(['update', '--cpu-period', `${periodUs}`, '--cpu-quota', `${quota}`, id], options);
}

/** The end of a container's output as an appendix to an error sentence, like `lastLines` of a file. */
export async function lastWords(
  id: string,
  secrets: readonly string[],
  options: DockerOptions = {},
): Promise<string> {
  try {
    const { stdout, stderr } = await docker(['logs', '--tail', `${mostLines}`, id], options);
    const text = withoutSecrets(`${stdout}${stderr}`.trimEnd(), secrets);
    if (text === '') return '';
    const lines = text.split('\n').slice(-mostLines);
    return `. The last lines of its output:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  } catch {
    return ''; // the container may be gone already
  }
}

/**
 * Makes sure that an image is on the engine; asks a registry only when it is not.
 * @throws EnvironmentError saying what to do when it is nowhere
 */
export async function requireImage(image: string, options: DockerOptions = {}): Promise<void> {
  if (await hasImage(image, options)) return;
  try {
    await docker(['pull', '--quiet', image], options);
  } catch (cause) {
    if (!(cause instanceof DockerError)) throw cause;
    throw new EnvironmentError(
      `the image ${image} is neither on this machine nor to be had from a registry: name another by its variable, ` +
        'or build it without a registry (docker/local-images/build.sh)',
      { cause },
    );
  }
}

export async function hasImage(image: string, options: DockerOptions = {}): Promise<boolean> {
  try {
    await docker(['image', 'inspect', '--format', '{{.Id}}', image], options);
    return true;
  } catch (error) {
    if (error instanceof DockerError && /no such image/i.test(error.stderr)) return false;
    throw error;
  }
}
