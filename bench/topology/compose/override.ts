/** What a measurement changes in the compose files, as one more file for `docker compose -f`. */

/** Of the application tier; those that answer HTTP themselves get a port of their own for their metrics. */
export const applicationServices = ['app1', 'app2', 'app3'] as const;
export const helperServices = ['nginx', 'redis'] as const;

export function nodeServices(replicas: number): readonly string[] {
  return [
    'postgres-primary',
    ...Array.from({ length: replicas }, (_, index) => `postgres-replica${index + 1}`),
  ];
}

/**
 * The engine refuses to change the quota of a container that was made with one, so the nodes are made
 * without and get theirs later; application and balancer have none, as in every other topology: what is
 * measured are the nodes. Limits of memory stay as the files have them. Health is checked while the stack
 * starts and then no more: each check is a process in a measured container, which the harness itself sees end.
 */
export function overrideFile(replicas: number): string {
  const unlimited = '    deploy: { resources: { limits: { cpus: !reset null } } }';
  // The start period must outlast the wait for the start: after it a check comes once an hour.
  const unchecked = '    healthcheck: { interval: 1h, start_period: 10m }';
  const service = (name: string, ...more: string[]) => [`  ${name}:`, unlimited, unchecked, ...more];
  return [
    'services:',
    ...[...nodeServices(replicas), ...helperServices].flatMap((name) => service(name)),
    ...applicationServices.flatMap((name) => service(name, "    ports: ['127.0.0.1:0:3000']")),
    '',
  ].join('\n');
}
