/**
 * The links' process: proxies that the harness has put between servers, so that neither its own work nor theirs delays
 * a byte. Started by `links.ts`; ends with the harness, however that ends.
 */
import { monotonicMs } from '../monotonic-clock.ts';
import type { FromLinks, ToLinks } from './link-messages.ts';
import { type LinkProxy, startProxy } from './proxy.ts';

const proxies = new Map<string, LinkProxy>();

// Ctrl-C reaches the whole process group; the harness decides when links end.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToLinks) => {
  void obey(message).then(
    (ports) => send({ type: 'done', id: message.id, ports }),
    (error: unknown) => send({ type: 'failed', id: message.id, reason: String(error) }),
  );
});

async function obey(message: ToLinks): Promise<Readonly<Record<string, number>>> {
  if (message.type === 'set') {
    await proxies.get(message.link)?.set(message.state);
    return {};
  }
  const ports: Record<string, number> = {};
  for (const [name, target] of Object.entries(message.targets)) {
    const proxy = await startProxy(target, monotonicMs);
    proxies.set(name, proxy);
    ports[name] = proxy.port;
  }
  return ports;
}

function send(message: FromLinks): void {
  process.send?.(message);
}
