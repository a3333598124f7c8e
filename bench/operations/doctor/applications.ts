/** Why the application does not use the replicas. */
import { hostsOf, uses } from '../actions/point-applications.ts';
import type { AppView, ClusterView } from '../observe/observation.ts';
import type { Case, Problem } from './problem.ts';

const fix = 'replibench doctor --fix';

export function applicationProblems(view: ClusterView, seen: Case): readonly Problem[] {
  const found = view.apps.flatMap((app) => appProblem(app, view, seen) ?? []);
  const { balancer } = seen;
  if (balancer !== null && !balancer.healthy) {
    found.push({
      kind: 'balancer-down',
      subject: 'nginx',
      summary: `it is ${balancer.state}`,
      evidence: [`docker: ${balancer.state}`],
      why: 'Nobody reaches the applications without it.',
      advice: `${fix}, or docker compose up -d nginx`,
      mend: 'start',
    });
  }
  return found;
}

function appProblem(app: AppView, view: ClusterView, seen: Case): Problem | null {
  const { name, container, primaryHost, replicaHosts, routing } = app;
  const log = seen.clues.get(name)?.log ?? [];
  // Which hosts are right is only known with a primary; that there is none is said elsewhere.
  if (view.primary !== null) {
    const hosts = hostsOf(view);
    const told = `it writes to ${primaryHost}, reads from ${replicaHosts.join(', ') || 'nobody else'}`;
    const wrong = {
      subject: name,
      advice: `${fix} (sets DB_HOST and DB_REPLICA<n>_HOST in the env file and recreates the applications)`,
      mend: 'point-applications' as const,
    };
    if (primaryHost !== hosts.primary || replicaHosts.includes(hosts.primary)) {
      return {
        ...wrong,
        kind: 'app-wrong-hosts',
        summary: 'it takes another node for the primary',
        evidence: [told, `the primary is ${hosts.primary}`],
        why: 'Its writes fail or go to a server that is no longer the primary.',
      };
    }
    const single = routing === 'primary-only' || replicaHosts.length === 0;
    if (single && hosts.replicas.length > 0) {
      return {
        ...wrong,
        kind: 'app-single-host',
        summary: 'it does not use the replicas',
        evidence: [
          routing === 'primary-only' ? 'DB_ROUTING=primary-only' : 'no DB_REPLICA<n>_HOST is set',
          ...log
            .filter((line) => /Single host mode/.test(line))
            .slice(-1)
            .map((line) => `log: ${line}`),
        ],
        why: 'Without their hosts it runs in single host mode: every query goes to the primary.',
      };
    }
    if (!uses(app, hosts) && hosts.replicas.some((host) => !replicaHosts.includes(host))) {
      return {
        ...wrong,
        kind: 'app-wrong-hosts',
        summary: 'it does not use every replica',
        evidence: [told, `replicas that stream: ${hosts.replicas.join(', ')}`],
        why: 'A replica that nobody reads from costs as much as one that is used.',
      };
    }
  }
  if (container.state === 'running' && container.health !== 'unhealthy') return null;
  const down = container.state !== 'running';
  return {
    kind: down ? 'app-down' : 'app-unhealthy',
    subject: name,
    summary: down ? `its container is ${container.state}` : 'it is unhealthy',
    evidence: log.length === 0 ? [`docker: ${container.state}`] : log.slice(-3).map((line) => `log: ${line}`),
    why: 'The other instances carry its load.',
    advice: down ? `${fix}, or docker compose up -d ${name}` : `docker compose logs ${name}`,
    mend: down ? 'start' : null,
  };
}
