import type { Router } from 'express';
import type { DatabaseConfiguration, Routing } from '../../db/configuration.ts';
import { askEveryNode, describeProblem, type Reachability } from '../../db/reachability.ts';
import type { Metrics } from '../metrics.ts';

/** What operators and probes ask: alive? ready? how busy? */
export function addOperationRoutes(
  router: Router,
  configuration: DatabaseConfiguration,
  metrics: Metrics,
): void {
  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  // Impatient probes share one question to the servers instead of piling up logins.
  let asking: Promise<readonly Reachability[]> | undefined;
  router.get('/readyz', async (_request, response) => {
    asking ??= askEveryNode(configuration).finally(() => {
      asking = undefined;
    });
    const nodes = await asking;
    const problems = nodes.filter(({ problem }) => problem !== null);
    const status = readiness(configuration.routing, nodes.length, problems.length);
    response.status(status === 'not ready' ? 503 : 200).json({
      status,
      nodes: Object.fromEntries(nodes.map(({ node, problem }) => [node.name, problem ?? 'ok'])),
      ...(problems.length > 0 && { error: problems.map(describeProblem).join('; ') }),
    });
  });

  router.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.render());
  });
}

/** A router goes round what is away, and an instance that a balancer shuts out serves nobody. */
function readiness(routing: Routing, nodes: number, problems: number): 'ready' | 'degraded' | 'not ready' {
  if (problems === 0) return 'ready';
  return routing === 'balanced' && problems < nodes ? 'degraded' : 'not ready';
}
