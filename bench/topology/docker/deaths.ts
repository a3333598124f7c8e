/** Tells when a container of a run ends, by the engine's own stream of events. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { EnvironmentError } from '../../model.ts';

export interface Death {
  readonly containerId: string;
  /** For example `exit code 137`. */
  readonly how: string;
}

export interface DeathWatch extends AsyncDisposable {
  /**
   * Resolves with how the container ended, at once when it has ended already; asked for or not. Also when
   * the engine's events end: from then on nobody could tell.
   */
  of(containerId: string): Promise<string>;
}

const unknownEnd = 'the Docker engine stopped telling of its containers: was it restarted?';

/**
 * Watches the containers with a label (`name=value`). Start it before them: nothing that happens after the
 * promise resolves is missed.
 */
export async function watchDeaths(label: string, env: NodeJS.ProcessEnv): Promise<DeathWatch> {
  // From the first that the engine remembers: the label is of this run alone, and nothing is then missed
  // between here and the subscription, whatever the engine's clock says.
  const since = '1';
  const filters = ['--filter', 'type=container', '--filter', 'event=die', '--filter', `label=${label}`];
  const child = spawn('docker', ['events', '--since', since, ...filters, '--format', '{{json .}}'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    // Interrupting the harness from its terminal must not look like a loss; the guardian ends it by its mark.
    detached: true,
  });
  const deaths = new Map<string, string>();
  const waiting = new Map<string, ((how: string) => void)[]>();
  let disposed = false;
  let deaf = false;
  const ended = once(child, 'close')
    .catch(() => undefined)
    .then(() => {
      if (disposed) return;
      deaf = true;
      for (const tell of [...waiting.values()].flat()) tell(unknownEnd);
      waiting.clear();
    });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const death = parseDeath(line);
    if (death === null) return;
    deaths.set(death.containerId, death.how);
    for (const tell of waiting.get(death.containerId) ?? []) tell(death.how);
    waiting.delete(death.containerId);
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new EnvironmentError('no Docker engine answers: start it, or use --topology embedded', { cause });
  }
  return {
    of: (containerId) =>
      new Promise((resolve) => {
        const how = deaths.get(containerId);
        if (how !== undefined || deaf) resolve(how ?? unknownEnd);
        else waiting.set(containerId, [...(waiting.get(containerId) ?? []), resolve]);
      }),
    async [Symbol.asyncDispose]() {
      disposed = true;
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Null for a line that is no death of a container. */
export function parseDeath(line: string): Death | null {
  try {
    const event = JSON.parse(line);
    const attributes = event.Actor?.Attributes ?? {};
    if (event.Action !== 'die' || typeof event.Actor?.ID !== 'string') return null;
    return { containerId: event.Actor.ID, how: `exit code ${attributes.exitCode ?? 'unknown'}` };
  } catch {
    return null;
  }
}
