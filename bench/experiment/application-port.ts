import { join } from 'node:path';
import { startApplication } from '../topology/application.ts';
import { freePort } from '../topology/free-port.ts';
import type { Guardian } from '../topology/guardian.ts';
import { type ApplicationDefinition, connectionsOf, inheritedEnvironment } from './application-definition.ts';
import type { ApplicationPort } from './ports.ts';

/** Starts the application of a definition against a cluster, on a free port unless it has one of its own. */
export function configuredApplicationPort(
  definition: ApplicationDefinition,
  guardian: Guardian,
  scratchFolder: string | null,
): ApplicationPort {
  // The application is started a dozen times a run: Node need not compile it anew each time.
  const shared = scratchFolder === null ? {} : { NODE_COMPILE_CACHE: join(scratchFolder, 'compile-cache') };
  return {
    name: definition.name,
    async start(arm, nodes, signal) {
      const port = definition.port ?? (await freePort());
      const baseUrl = `http://127.0.0.1:${port}`;
      const running = await startApplication({
        command: definition.command,
        cwd: definition.cwd,
        env: { ...shared, ...definition.env(connectionsOf(arm, nodes, port)) },
        inherited: inheritedEnvironment(definition),
        secrets: nodes.map((node) => node.password),
        readyUrl: baseUrl + definition.readyPath,
        readyTimeoutMs: definition.readyTimeoutMs,
        port,
        guardian,
        signal,
      });
      const { metricsPath } = definition;
      const metricsUrl = metricsPath === undefined ? undefined : baseUrl + metricsPath;
      return Object.assign(running, { parts: [{ name: 'app', cpu: running.cpu, metricsUrl }] });
    },
  };
}
