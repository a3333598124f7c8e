/** The same application in another checkout of its repository. */
import { isAbsolute, join, relative, sep } from 'node:path';
import type { ApplicationDefinition, Command } from '../application-definition.ts';

/** Every path of the definition inside `from` becomes the same path inside `to`; others stay. */
export function relocate(definition: ApplicationDefinition, from: string, to: string): ApplicationDefinition {
  const path = (one: string): string => {
    if (!isAbsolute(one)) return one;
    const inside = relative(from, one);
    return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? one : join(to, inside);
  };
  const command = (one: Command): Command =>
    // The first is the program, of this machine: a Node that the repository itself has installed must be the same for both.
    typeof one === 'string' ? one : [one[0], ...one.slice(1).map(path)];
  const { prepare } = definition;
  return {
    ...definition,
    command: command(definition.command),
    cwd: path(definition.cwd),
    prepare:
      prepare === undefined
        ? undefined
        : 'sqlFile' in prepare
          ? { sqlFile: path(prepare.sqlFile) }
          : { ...prepare, command: command(prepare.command), cwd: path(prepare.cwd) },
  };
}
