import type { Finding } from '../model.ts';
import { provideApplicationImage } from '../topology/docker/application-image.ts';
import { timer } from '../topology/timed.ts';
import type { ContainerDefinition } from './application-definition.ts';
import type { TopologyRequest } from './topology-request.ts';

/** Sees to the application's image, as a step of the run that the guardian can end. */
export function prepareImage(
  container: ContainerDefinition,
  { guardian, onStep, signal }: Pick<TopologyRequest, 'guardian' | 'onStep' | 'signal'>,
): Promise<readonly Finding[]> {
  const env = { ...process.env, ...guardian.environment };
  return timer([], onStep)("see to the application's image", () =>
    provideApplicationImage(container, { env, signal }),
  );
}
