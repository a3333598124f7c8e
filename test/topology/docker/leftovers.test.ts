import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  labelsOf,
  removeContainers,
  sweepAbandonedContainers,
} from '../../../bench/topology/docker/leftovers.ts';
import { nameRun } from '../../../bench/topology/run-name.ts';
import { fakeDocker } from './fake-docker.ts';

/**
 * An engine whose things are files `kind.label-value.id`. `rm` works on containers at once, on networks
 * and volumes too; it notes what was removed in which order.
 */
const engine = `
kind=$1; case "$1 $2" in
  "info "*) cat "$STATE/host"; exit;;
  "ps "*|"network ls"|"volume ls")
    for label in "$@"; do :; done
    value=; format=; list=
    while [ $# -gt 0 ]; do case "$1" in label=*=*) value=\${1##*=};; --format) format=1;; label=*) list=1;; esac; shift; done
    for file in "$STATE/$kind".*; do
      [ -e "$file" ] || continue
      name=\${file##*/}; name=\${name#*.}
      [ -n "$format" ] && { echo "\${name%.*}"; continue; }
      [ "\${name%.*}" = "$value" ] && echo "\${name##*.}"
    done; exit 0;;
esac
case "$1 $2" in "rm "*) kind=ps;; esac
for id in "$@"; do rm -f "$STATE/$kind".*."$id"; done
`;

test('a run is found by our label and by its compose project', () => {
  expect(labelsOf('replibench-a')).toEqual([
    'replibench.run=replibench-a',
    'com.docker.compose.project=replibench-a',
  ]);
});

test('containers go first, with their volumes, and somebody else’s stay', async () => {
  await using docker = await fakeDocker(engine);
  for (const thing of ['ps.mine.c1', 'network.mine.n1', 'volume.mine.v1', 'ps.other.c2'])
    await writeFile(join(docker.folder, thing), '');
  expect(await removeContainers(['x=mine'], 30_000)).toEqual([]);
  const removals = (await docker.calls()).filter((call) => /(^| )rm /.test(call));
  expect(removals).toEqual(['rm --force --volumes c1', 'network rm n1', 'volume rm --force v1']);
});

test('says what it could not remove', async () => {
  await using _ = await fakeDocker('[ "$1" = ps ] && echo c1; exit 0');
  expect(await removeContainers(['x=mine'], 100)).toEqual(['container c1 is still there']);
});

test('says when there is no engine any more', async () => {
  await using _ = await fakeDocker('exit 1');
  expect(await removeContainers(['x=mine'], 100)).toEqual([
    expect.stringContaining('containers cannot be removed: docker'),
  ]);
});

test('without a label there is nothing to ask', async () => {
  await using docker = await fakeDocker('exit 1');
  expect(await removeContainers([], 30_000)).toEqual([]);
  expect(await docker.calls()).toEqual([]);
});

test('the sweep removes what dead runs left, on an engine of this machine only', async () => {
  const mine = nameRun('living').name;
  const dead = mine.replace('living', 'dead').replace(/-\d+-(\d+)-(\d+)$/, '-4000000-1-$2');
  await using docker = await fakeDocker(engine);
  const left = async () => (await docker.calls()).filter((call) => /^rm /.test(call));
  for (const thing of [`ps.${mine}.c1`, `ps.${dead}.c2`, 'ps.replibench.c3'])
    await writeFile(join(docker.folder, thing), '');
  await writeFile(join(docker.folder, 'host'), 'elsewhere');
  expect(await sweepAbandonedContainers()).toEqual([]);
  expect(await left()).toEqual([]);
  await writeFile(join(docker.folder, 'host'), hostname());
  expect(await sweepAbandonedContainers()).toEqual([]);
  expect(await left()).toEqual(['rm --force --volumes c2']);
});
