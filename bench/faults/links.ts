import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EnvironmentError } from '../model.ts';
import type { FromLinks, ToLinks } from './link-messages.ts';
import type { LinkState, ProxyTarget } from './proxy.ts';

/** Links that can be made bad, all in one process. Disposing ends it. */
export interface Links extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process ends unasked. */
  readonly lost: Promise<void>;
  /** Where each link is entered, on 127.0.0.1. */
  readonly ports: Readonly<Record<string, number>>;
  /** Resolves when it is so. Throws EnvironmentError when the process is lost. */
  set(link: string, state: LinkState): Promise<void>;
}

/** @throws EnvironmentError when the process does not come up */
export async function startLinks(targets: Readonly<Record<string, ProxyTarget>>): Promise<Links> {
  const name = import.meta.url.endsWith('.ts') ? './link-process.ts' : './link-process.js';
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), [], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let disposed = false;
  const lost = new Promise<void>((resolve) => {
    void ended.then(() => {
      if (!disposed) resolve();
    });
  });
  const waiting = new Map<number, (answer: FromLinks) => void>();
  child.on('message', (answer: FromLinks) => waiting.get(answer.id)?.(answer));
  let lastId = 0;
  const order = async (message: (id: number) => ToLinks): Promise<Readonly<Record<string, number>>> => {
    lastId += 1;
    const id = lastId;
    const answered = new Promise<FromLinks>((resolve) => waiting.set(id, resolve));
    if (child.connected) child.send(message(id), () => undefined);
    const answer = await Promise.race([answered, ended]);
    waiting.delete(id);
    if (answer === undefined) throw new EnvironmentError('the process of the network links ended');
    if (answer.type === 'failed') throw new EnvironmentError(`a network link failed: ${answer.reason}`);
    return answer.ports;
  };
  const dispose = async (): Promise<void> => {
    disposed = true;
    child.kill('SIGKILL');
    await ended;
  };
  try {
    const ports = await order((id) => ({ type: 'open', id, targets }));
    return {
      pid: child.pid as number,
      lost,
      ports,
      async set(link, state) {
        if (!(link in ports))
          throw new Error(`there is no link ${link}: there are ${Object.keys(ports).join(', ')}`);
        await order((id) => ({ type: 'set', id, link, state }));
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
