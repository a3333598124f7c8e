import { EnvironmentError } from '../model.ts';
import { openExternalTopology } from '../topology/external/external.ts';
import type { ExternalTarget } from './external-target.ts';
import type { ApplicationPort } from './ports.ts';
import type { OpenedTopology, TopologyRequest } from './topology-request.ts';

/** Servers and applications that somebody else runs: looked at, measured, and left as they are. */
export async function openExternal(request: TopologyRequest): Promise<OpenedTopology> {
  const { external: target } = request;
  if (target === undefined) throw new Error('an external topology needs its URLs');
  const topology = await openExternalTopology({
    ...request,
    primary: target.primary,
    replicas: target.replicas,
    prepare: target.prepare ? request.prepare : undefined,
  });
  return { topology, application: externalApplicationPort(target) };
}

const answerTimeoutMs = 10_000;

function externalApplicationPort({ applications, metricsPath }: ExternalTarget): ApplicationPort {
  return {
    name: `application at ${[...new Set(Object.values(applications))].join(' and ')}`,
    async start(arm, _nodes, signal) {
      const baseUrl = applications[arm.name];
      if (baseUrl === undefined) throw new Error(`no application was named for the arm ${arm.name}`);
      await requireAnswer(baseUrl, signal);
      const metricsUrl = metricsPath === undefined ? undefined : baseUrl + metricsPath;
      return {
        baseUrl,
        parts: [{ name: 'app', cpu: { kind: 'none' }, metricsUrl }],
        lost: new Promise(() => undefined),
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  };
}

/** Any answer will do: which paths there are, the scenario knows. */
async function requireAnswer(url: string, signal: AbortSignal): Promise<void> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]),
      redirect: 'manual',
    });
    await response.body?.cancel();
  } catch (cause) {
    signal.throwIfAborted();
    const reason =
      cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new EnvironmentError(`no application answers at ${url}: ${reason}`, { cause });
  }
}
