import { UsageError } from '../model.ts';
import { createComposeTopology } from '../topology/compose/compose.ts';
import { dataEnvironment } from './application-definition.ts';
import type { ApplicationPart } from './ports.ts';
import { prepareImage } from './prepare-image.ts';
import type { OpenedTopology, TopologyRequest } from './topology-request.ts';

/** The stack of the repository's compose files, measured through its balancer: nodes and application in one. */
export async function openCompose(request: TopologyRequest): Promise<OpenedTopology> {
  const { application, scenario } = request;
  const { container, metricsPath, readyPath } = application;
  if (container === undefined) {
    throw new UsageError(
      `--topology compose measures the sample application of the compose files, not "${application.name}"; use embedded or testcontainers, or external for a stack of your own`,
    );
  }
  const findings = await prepareImage(container, request);
  const topology = await createComposeTopology({
    ...request,
    folder: container.buildFolder,
    data: dataEnvironment(scenario.data),
  });
  return {
    topology: { ...topology, findings: [...topology.findings, ...findings] },
    application: {
      name: `${application.name} (${container.image})`,
      async start(_arm, _nodes, signal) {
        const running = await topology.startApplication(readyPath, container.readyTimeoutMs, signal);
        const parts = running.parts.map(({ url, ...part }): ApplicationPart => {
          const metricsUrl = url === undefined || metricsPath === undefined ? undefined : url + metricsPath;
          return { ...part, metricsUrl };
        });
        return { ...running, parts };
      },
    },
  };
}
