/** Copies of the template volume, one for each node, each with what makes the node what it is. */
import { formatSettings, type Settings } from '../postgres/settings.ts';
import type { ContainersContext } from './context.ts';

export interface NodeVolume {
  readonly volume: string;
  readonly role: 'primary' | 'replica';
  readonly settings: Settings;
}

/**
 * Makes and fills the volumes in one container, all of them at once. Plain copies, so that no node shares
 * blocks with another: writing to shared ones would cost extra.
 */
export async function copyVolumes(
  context: ContainersContext,
  template: string,
  nodes: readonly NodeVolume[],
  signal: AbortSignal,
): Promise<void> {
  const mounts = nodes.flatMap(({ volume }, index) => [
    '--mount',
    `type=volume,src=${volume},dst=/to/${index},volume-label=${context.label}`,
  ]);
  await context.docker(
    [
      ...['run', '--rm', '-i', '--network', 'none', '--user', 'root', '--label', context.label],
      ...['--mount', `type=volume,src=${template},dst=/from,readonly`, ...mounts],
      ...['--entrypoint', 'sh', context.postgresImage, '-es'],
    ],
    signal,
    copyScript(nodes),
  );
}

/** Exported for its test. Reads nothing from outside: the settings are in it, and none of them is secret. */
export function copyScript(nodes: readonly NodeVolume[]): string {
  const copies = nodes.map((_, index) => `cp -a /from/. /to/${index}/ & pids="$pids $!"`);
  const finish = nodes.flatMap(({ role, settings }, index) => {
    const data = `/to/${index}/data`;
    const own = `chown "$owner" ${data}/postgresql.auto.conf`;
    return [
      // The text goes to its end at the line END; no setting of ours holds a line break.
      `cat >${data}/postgresql.auto.conf <<'END'\n${formatSettings(settings)}END`,
      `chmod 600 ${data}/postgresql.auto.conf`,
      ...(role === 'primary' ? [own] : [`: >${data}/standby.signal`, `${own} ${data}/standby.signal`]),
    ];
  });
  return [
    'pids=',
    ...copies,
    'for pid in $pids; do wait "$pid"; done',
    `owner=$(stat -c '%u:%g' /from/data/PG_VERSION)`,
    ...finish,
    '',
  ].join('\n');
}
