import { expect, test } from 'vitest';
import { findStack } from '../../../bench/topology/compose/stack.ts';
import { fakeDocker } from '../docker/fake-docker.ts';

test.each([
  ['replicated', 'postgres-primary-data'],
  ['without replication', 'postgres-data'],
])('the volume of the primary, and no other one: the file %s', async (_name, volume) => {
  const container = {
    Id: 'abc',
    State: { Status: 'exited', ExitCode: 0 },
    Config: { Labels: { 'com.docker.compose.service': 'postgres-primary' }, Env: [] },
    HostConfig: { PortBindings: null },
    NetworkSettings: { Ports: null, Networks: {} },
  };
  await using _ = await fakeDocker(`case "$1" in
    ps) echo abc ;;
    inspect) echo '${JSON.stringify([container])}' ;;
    volume) printf 'mine_${volume}\\t${volume}\\nmine_redis-data\\tredis-data\\n' ;;
  esac`);
  const { nodes } = await findStack({ project: 'mine' });
  expect(nodes).toMatchObject([{ name: 'primary', volume: `mine_${volume}` }]);
});
