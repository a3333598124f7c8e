import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { loadTestcontainers } from '../../../bench/topology/containers/library.ts';
import { startContainer } from '../../../bench/topology/containers/start-container.ts';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { projectLabel, removeContainers } from '../../../bench/topology/docker/leftovers.ts';
import { applicationImage } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';

describeWithEngine('a container to be measured', () => {
  test('runs nothing beside its program: the health check of its image is off', async () => {
    const checkOf = async (thing: string): Promise<unknown> =>
      JSON.parse((await docker(['inspect', '--format', '{{json .Config.Healthcheck}}', thing])).stdout);
    expect(await checkOf(applicationImage)).toMatchObject({
      Test: ['CMD', 'node', '-e', expect.any(String)],
    });
    const name = `rbtest-${process.pid}-${randomBytes(4).toString('hex')}`;
    const label = `${projectLabel}=${name}`;
    onTestFinished(async () => void (await removeContainers([label], 60_000, 1)));
    await docker(['network', 'create', '--label', label, name]);
    const { id } = await startContainer(await loadTestcontainers(), {
      ...{ image: applicationImage, name, labels: { [projectLabel]: name }, network: name, alias: 'app' },
      ...{ env: {}, command: ['sleep', '600'], port: 3000 },
    });
    expect(await checkOf(id)).toMatchObject({ Test: ['NONE'] });
  });
});
