import { docker } from '../../../bench/topology/docker/engine.ts';

/** Containers, networks and volumes whose name or labels mention a run, looked for without its own means. */
export async function leftInEngine(runId: string): Promise<readonly string[]> {
  const format = '{{.Names}} {{.Labels}}';
  const lists = [
    ['ps', '-a', '--format', format],
    ['network', 'ls', '--format', '{{.Name}} {{.Labels}}'],
    ['volume', 'ls', '--format', '{{.Name}} {{.Labels}}'],
  ];
  const outputs = await Promise.all(lists.map((list) => docker(list)));
  return outputs.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line.includes(runId)));
}

export async function anonymousVolumes(): Promise<ReadonlySet<string>> {
  const { stdout } = await docker(['volume', 'ls', '-q']);
  return new Set(stdout.split('\n').filter((name) => /^[0-9a-f]{64}$/.test(name)));
}
