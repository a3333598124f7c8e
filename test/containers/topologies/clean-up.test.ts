import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import {
  projectLabel,
  removeContainers,
  runLabel,
  sweepAbandonedContainers,
} from '../../../bench/topology/docker/leftovers.ts';
import { startGuardian } from '../../../bench/topology/guardian.ts';
import { nameRun } from '../../../bench/topology/run-name.ts';
import { describeWithEngine } from '../support/engine.ts';
import { anonymousVolumes, leftInEngine } from '../support/left-behind.ts';

const image = process.env['POSTGRES_IMAGE'] || 'postgres:17';

/** A container on a network of its own, with a named volume and the image's anonymous one. */
async function makeSome(label: string, name: string): Promise<void> {
  await docker(['network', 'create', '--label', label, `${name}.network`]);
  await docker(['volume', 'create', '--label', label, `${name}.volume`]);
  const mount = `${name}.volume:/elsewhere`;
  const command = ['--entrypoint', 'sleep', image, '600'];
  const options = ['--label', label, '--network', `${name}.network`, '--volume', mount, '--name', name];
  await docker(['run', '--detach', ...options, ...command]);
}

/** Like the name of a run whose harness is dead: no process has had such a start time. */
const deadRun = () => nameRun(randomBytes(4).toString('hex')).name.replace(/-(\d+)-\d+-(\d+)$/, '-$1-1-$2');

describeWithEngine('what a run leaves in the engine', () => {
  test('the guardian removes it when the harness ends, running or not, anonymous volumes too', async () => {
    const before = await anonymousVolumes();
    const guardian = await startGuardian({ runId: randomBytes(4).toString('hex') });
    const label = `${runLabel}=${guardian.runName}`;
    await guardian.registerContainers(label);
    await makeSome(label, guardian.runName);
    expect(await leftInEngine(guardian.runId)).toHaveLength(3);
    const added = [...(await anonymousVolumes())].filter((volume) => !before.has(volume));
    expect(added.length).toBeGreaterThan(0);
    const { stdout } = await docker([
      ...['inspect', '--format', '{{range .Mounts}}{{.Name}} {{end}}', guardian.runName],
    ]);
    const own = stdout
      .trim()
      .split(' ')
      .filter((volume) => added.includes(volume));
    expect(own).toHaveLength(1);
    await guardian[Symbol.asyncDispose]();
    expect(await leftInEngine(guardian.runId)).toEqual([]);
    expect((await anonymousVolumes()).has(own[0] ?? '')).toBe(false);
  });

  test('a later run sweeps what dead ones have left, by label and by compose project, and no other', async () => {
    const [one, other] = [deadRun(), deadRun()];
    const living = nameRun(randomBytes(4).toString('hex')).name;
    try {
      await makeSome(`${runLabel}=${one}`, one);
      await makeSome(`${projectLabel}=${other}`, other);
      await docker(['volume', 'create', '--label', `${runLabel}=${living}`, living]);
      expect(await sweepAbandonedContainers()).toEqual([]);
      expect(await leftInEngine(one)).toEqual([]);
      expect(await leftInEngine(other)).toEqual([]);
      expect(await leftInEngine(living)).toHaveLength(1);
    } finally {
      await removeContainers(
        [one, other, living].map((name) => `${runLabel}=${name}`),
        30_000,
        1,
      );
      await removeContainers([`${projectLabel}=${other}`], 30_000, 1);
    }
  });
});
