import type { Stack, StackNode } from '../../topology/compose/stack.ts';
import { withVolumesOf } from './one-off.ts';

/** What a node's data would make of it when it starts; `none` also where half a cluster will be thrown away. */
export type DataKind = 'primary' | 'standby' | 'none';

const script = `source /usr/local/lib/replibench/cluster.sh
if ! has_data || [ -e "$unfinished" ]; then echo none; elif is_standby; then echo standby; else echo primary; fi`;

/** Looks into the volume of a node that does not answer. */
export async function dataKindOf(stack: Stack, node: StackNode, signal: AbortSignal): Promise<DataKind> {
  const { stdout } = await withVolumesOf(stack, node, script, { signal });
  return stdout.trim() as DataKind;
}
