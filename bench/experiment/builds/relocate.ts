/** The same application in another checkout of its repository. */
import { isAbsolute, join, relative, sep } from 'node:path';
import type { ApplicationDefinition, Command } from '../application-definition.ts';

/** Every path of the definition inside `from` becomes the same path inside `to`; others stay. */
export function relocate(definition: ApplicationDefinition, from: string, to: string): ApplicationDefinition {
  const path = (one: string): string =>
    isAbsolute(one) && isInside(from, one) ? join(to, relative(from, one)) : one;
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

/** Whether `path` is `folder` or below it; both absolute. */
export function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}
