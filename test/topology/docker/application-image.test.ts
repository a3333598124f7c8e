import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { provideApplicationImage } from '../../../bench/topology/docker/application-image.ts';
import { fakeDocker } from './fake-docker.ts';

const inspect = 'image inspect --format {{.Id}} app:1';
const missing = 'if [ "$1" = image ]; then echo "Error: No such image: app:1" >&2; exit 1; fi';
const failing = 'if [ "$1" = build ]; then echo "no network" >&2; exit 1; fi';

/** An engine that runs `script`, and a Dockerfile beside it. */
async function setUp(script: string) {
  const engine = await fakeDocker(script);
  const dockerfile = join(engine.folder, 'Dockerfile');
  await writeFile(dockerfile, '');
  const build = `build --quiet --tag app:1 --label replibench.app=1 --file ${dockerfile}`;
  const image = { image: 'app:1', dockerfile, buildFolder: engine.folder, rebuild: true };
  return Object.assign(engine, { image, build });
}

test('ours is built anew although it is there, with what the compose files give to the build', async () => {
  await using engine = await setUp('exit 0');
  const { folder, image, build } = engine;
  const env = { ...process.env, NODE_IMAGE: 'node:22', CA_FILE: '', NODE_EXTRA_CA_CERTS: image.dockerfile };
  const withMissingFile = { ...env, NPMRC_FILE: join(folder, 'missing') };
  expect(await provideApplicationImage(image, { env: withMissingFile })).toEqual([]);
  expect(await provideApplicationImage(image, { env: { ...env, NPMRC_FILE: image.dockerfile } })).toEqual([]);
  const ca = `--secret id=ca,src=${image.dockerfile}`;
  expect(await engine.calls()).toEqual([
    inspect,
    `${build} --build-arg NODE_IMAGE=node:22 ${ca} ${folder}`,
    inspect,
    `${build} --build-arg NODE_IMAGE=node:22 --secret id=npmrc,src=${image.dockerfile} ${ca} ${folder}`,
  ]);
});

test('one that somebody named is used as it is, and built only when it is missing', async () => {
  await using engine = await setUp(`[ -e "$STATE/there" ] || { ${missing}; }`);
  const image = { ...engine.image, rebuild: false };
  const env = { PATH: process.env['PATH'] };
  await provideApplicationImage(image, { env });
  await writeFile(join(engine.folder, 'there'), '');
  await provideApplicationImage(image, { env });
  expect(await engine.calls()).toEqual([inspect, `${engine.build} ${engine.folder}`, inspect]);
});

test('an old one that cannot be built anew is measured, and that is said', async () => {
  await using engine = await setUp(failing);
  expect(await provideApplicationImage(engine.image)).toEqual([
    expect.objectContaining({
      severity: 'warning',
      message: expect.stringMatching(/^the application's image app:1 could not be built anew.*no network/),
    }),
  ]);
});

test('a missing one that cannot be built: what to do', async () => {
  await using engine = await setUp(`${missing}; ${failing}`);
  await expect(provideApplicationImage(engine.image)).rejects.toThrow(
    /^the application's image app:1 is missing and cannot be built from .*APP_IMAGE.*no network/,
  );
});
