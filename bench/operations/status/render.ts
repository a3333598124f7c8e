import { bytes, ms } from '../quantities.ts';
import { aligned } from '../table.ts';
import type { NodeStatus, Status } from './status.ts';

const columns = [
  'node',
  'role',
  'state',
  'tl',
  'sent',
  'replayed',
  'lag',
  'behind',
  'slot',
  'conflicts',
  'connections',
];

/** The table for a terminal; `–` = does not apply or could not be seen. */
export function renderStatus({ nodes, apps }: Status): string {
  const lines = aligned([columns, ...nodes.map(nodeRow)]);
  if (apps.length === 0) return lines;
  const appRows = apps.map(({ app, state, writesTo, readsFrom }) => [
    app,
    state,
    writesTo ?? '–',
    readsFrom.length === 0 ? 'single host mode' : readsFrom.join(', '),
  ]);
  return `${lines}\n\n${aligned([['app', 'state', 'writes to', 'reads from'], ...appRows])}`;
}

function nodeRow(node: NodeStatus): readonly string[] {
  const { slot, lagMs, lagBytes, connections, maxConnections } = node;
  const retained = slot?.retainedBytes ?? null;
  return [
    node.node,
    node.role ?? '–',
    node.state,
    show(node.timeline),
    node.sentLsn ?? '–',
    node.replayLsn ?? '–',
    lagBytes === null ? '–' : bytes(lagBytes),
    lagMs === null ? '–' : `${node.lagIsLowerBound ? '> ' : ''}${ms(lagMs)}`,
    slot === null
      ? '–'
      : `${slot.active ? 'active' : 'inactive'}, ${slot.walStatus ?? 'reserves nothing'}${retained === null ? '' : `, holds ${bytes(retained)}`}`,
    show(node.conflicts),
    connections === null ? '–' : `${connections} of ${maxConnections}`,
  ];
}

function show(value: number | null): string {
  return value === null ? '–' : String(value);
}
