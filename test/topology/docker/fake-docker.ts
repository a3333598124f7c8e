import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface FakeDocker extends AsyncDisposable {
  /** Folder that the script may keep files in, its `$STATE`. */
  readonly folder: string;
  /** Arguments of each call, in their order. */
  calls(): Promise<readonly string[]>;
}

/** A `docker` of our own, first on the PATH until it is disposed of. `script` is run by sh. */
export async function fakeDocker(script: string): Promise<FakeDocker> {
  const folder = await mkdtemp(join(tmpdir(), 'replibench-docker-'));
  const log = join(folder, 'calls');
  await writeFile(log, '');
  const program = join(folder, 'docker');
  await writeFile(program, `#!/bin/sh\nSTATE='${folder}'\necho "$*" >>'${log}'\n${script}\n`);
  await chmod(program, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${folder}${delimiter}${path}`;
  return {
    folder,
    calls: async () => (await readFile(log, 'utf8')).split('\n').filter(Boolean),
    async [Symbol.asyncDispose]() {
      process.env['PATH'] = path;
      await rm(folder, { recursive: true });
    },
  };
}
