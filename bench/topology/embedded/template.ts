/** The cluster that every node is a copy of: made once per run, with the data set in it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { freePort } from '../free-port.ts';
import type { Guardian } from '../guardian.ts';
import type { CpuGroup, CpuLimits } from '../limits/cpu-limits.ts';
import {
  formatSettings,
  hostBasedAuthentication,
  loopbackSettings,
  measuredSettings,
  preparingSettings,
  type Settings,
} from '../postgres/settings.ts';
import { dropTemplateDatabases, vacuum } from '../postgres/template-state.ts';
import type { Timed } from '../timed.ts';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { writeOwned } from './owned-files.ts';
import { PortTaken, type Server, serverEnvironment, startServer } from './server.ts';

const run = promisify(execFile);

export interface Template {
  readonly dataDir: string;
  /** libpq password file for the replicas' connections to the primary. */
  readonly passFile: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface TemplateOptions {
  readonly runDir: string;
  readonly binaries: Binaries;
  readonly account: Account | null;
  readonly guardian: Guardian;
  readonly limits: CpuLimits;
  readonly settings: Settings;
  readonly prepare: (primary: NodeAddress, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly timed: Timed;
}

/** Throws EnvironmentError when a program fails, whatever `prepare` throws, or the signal's reason. */
export async function makeTemplate(options: TemplateOptions): Promise<Template> {
  const { runDir, timed, signal } = options;
  const template: Template = {
    dataDir: join(runDir, 'template'),
    passFile: join(runDir, 'passfile'),
    user: 'replibench',
    // A URL-safe alphabet: needs no quoting in connection strings, password files and URLs.
    password: randomBytes(24).toString('base64url'),
    database: 'postgres',
  };
  await timed('initdb', () => initialise(template, options));

  await using group = await options.limits.createGroup('template');
  const server = await timed('start template', () => start(template, group, options));
  try {
    await timed('prepare', () => options.prepare(server.address, signal));
    await timed('vacuum', () => vacuum(server.address));
    await timed('slim', () => dropTemplateDatabases(server.address));
  } catch (error) {
    await server.end('immediate');
    throw error;
  }
  await timed('stop template', async () => {
    await server.end('fast');
    await rm(join(template.dataDir, 'postgresql.auto.conf'));
  });
  return template;
}

async function initialise(template: Template, options: TemplateOptions): Promise<void> {
  const { account, signal } = options;
  await writeOwned(template.passFile, `127.0.0.1:*:*:${template.user}:${template.password}\n`, account);
  const passwordFile = join(options.runDir, 'initdb-password');
  await writeOwned(passwordFile, `${template.password}\n`, account);
  const flags = ['--no-sync', '--no-instructions', '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256'];
  try {
    await run(
      options.binaries.initdb,
      [...flags, `--username=${template.user}`, `--pwfile=${passwordFile}`, '-D', template.dataDir],
      { cwd: options.runDir, env: serverEnvironment(options.guardian), signal, ...(account ?? {}) },
    );
  } catch (cause) {
    signal.throwIfAborted();
    const stderr = (cause as { stderr?: string }).stderr?.trim();
    throw new EnvironmentError(`initdb failed in ${options.runDir}: ${stderr || String(cause)}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
  const { dataDir } = template;
  await appendFile(
    join(dataDir, 'postgresql.conf'),
    formatSettings({ ...measuredSettings, ...loopbackSettings, ...options.settings }),
  );
  await writeFile(join(dataDir, 'pg_hba.conf'), hostBasedAuthentication('127.0.0.1/32'));
  await writeFile(join(dataDir, 'postgresql.auto.conf'), formatSettings(preparingSettings));
}

async function start(template: Template, group: CpuGroup, options: TemplateOptions): Promise<Server> {
  const { binaries, account, guardian, signal } = options;
  const { dataDir, database, user, password } = template;
  for (let attempt = 1; ; attempt++) {
    const address: NodeAddress = {
      name: 'template',
      role: 'primary',
      host: '127.0.0.1',
      port: await freePort(),
      database,
      user,
      password,
    };
    const logFile = join(options.runDir, 'template.log');
    try {
      return await startServer({ binaries, account, guardian, group, dataDir, logFile, address, signal });
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === 5) throw error;
    }
  }
}
