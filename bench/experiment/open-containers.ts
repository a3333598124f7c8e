import { startContainerApplication } from '../topology/containers/application.ts';
import { type ContainersTopology, createContainersTopology } from '../topology/containers/containers.ts';
import { engineCpu } from '../topology/docker/engine-cpu.ts';
import {
  type ApplicationDefinition,
  type ContainerDefinition,
  connectionsOf,
} from './application-definition.ts';
import { configuredApplicationPort } from './application-port.ts';
import type { ApplicationPort } from './ports.ts';
import { prepareImage } from './prepare-image.ts';
import type { OpenedTopology, TopologyRequest } from './topology-request.ts';

/** Nodes by testcontainers; the application too, when its definition says how it runs in a container. */
export async function openContainers(request: TopologyRequest): Promise<OpenedTopology> {
  const { application, guardian } = request;
  const { container } = application;
  if (container === undefined) {
    const topology = await createContainersTopology(request);
    return { topology, application: configuredApplicationPort(application, guardian, null) };
  }
  const findings = await prepareImage(container, request);
  const topology = await createContainersTopology(request);
  return {
    topology: { ...topology, findings: [...topology.findings, ...findings] },
    application: containerApplicationPort(application, container, topology),
  };
}

function containerApplicationPort(
  definition: ApplicationDefinition,
  container: ContainerDefinition,
  topology: ContainersTopology,
): ApplicationPort {
  let started = 0;
  return {
    name: `${definition.name} (${container.image})`,
    async start(arm, nodes, signal) {
      started += 1;
      const connections = connectionsOf(arm, nodes.map(topology.addressInside), container.port);
      const running = await startContainerApplication({
        context: topology.context,
        image: container.image,
        name: `app${started}`,
        port: container.port,
        env: container.env(connections),
        files: container.files(connections),
        readyPath: definition.readyPath,
        readyTimeoutMs: container.readyTimeoutMs,
        secrets: nodes.map((node) => node.password),
        signal,
      });
      const { baseUrl, cpu, memory } = running;
      const metricsUrl = definition.metricsPath === undefined ? undefined : baseUrl + definition.metricsPath;
      const parts = [
        { name: 'app', cpu, memory, metricsUrl },
        { name: 'docker', cpu: engineCpu() },
      ];
      return Object.assign(running, { parts });
    },
  };
}
