import { describe, expect, test } from 'vitest';
import { createProcessTree } from '../../bench/probes/process-tree.ts';
import { until } from './cluster.ts';
import { parentOf, startShell } from './shell.ts';

describe.runIf(process.platform === 'linux')('process tree', () => {
  test('holds the time of children that came and went, and never falls', async () => {
    // Sixty children one after the other, most of them gone between two looks.
    await using shell = await startShell(
      'for n in $(seq 60); do (burn 20000); done; times; echo done; read end',
    );
    const tree = createProcessTree(shell.pid);
    const seen: number[] = [];
    await until(() => {
      seen.push(tree.cpuMs() ?? Number.NaN);
      return shell.lines.includes('done');
    });
    const total = tree.cpuMs() ?? Number.NaN;
    // What the shell says of itself and its children: two times each, like ours cut off to 10 ms.
    const truth = shell.lines.slice(0, 2).flatMap((line) => line.split(' ').map(milliseconds));
    const truthMs = truth.reduce((sum, ms) => sum + ms, 0);
    expect(truthMs).toBeGreaterThan(200);
    expect(Math.abs(total - truthMs)).toBeLessThanOrEqual(50);
    expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
  });

  test('keeps the time of a child that nobody in the tree waited for', async () => {
    // The middle process becomes a sleep that ignores SIGCHLD: then the kernel throws the child's times
    // away with the child.
    await using shell = await startShell(
      `((burn 300000; self; echo burnt $pid; exec sleep 3600) & self; echo middle $pid
        exec env --ignore-signal=CHLD sleep 3600)
       read go; burn 300000; echo done; read end`,
    );
    const child = Number((await shell.line('burnt')).split(' ')[1]);
    const middle = Number((await shell.line('middle')).split(' ')[1]);
    const tree = createProcessTree(shell.pid);
    const withChild = tree.cpuMs() ?? Number.NaN;
    process.kill(child);
    await until(() => parentOf(child) === undefined);
    process.kill(middle);
    await until(() => parentOf(middle) === undefined);
    const alone = createProcessTree(shell.pid);
    const before = alone.cpuMs() ?? Number.NaN;
    expect(withChild - before).toBeGreaterThan(50);
    expect(tree.cpuMs()).toBeGreaterThanOrEqual(withChild);
    shell.proceed();
    await shell.line('done');
    // The shell's later time comes on top of the child's; it does not fill up what the child left.
    const spun = (alone.cpuMs() ?? Number.NaN) - before;
    expect(spun).toBeGreaterThan(50);
    expect(tree.cpuMs()).toBeGreaterThanOrEqual(withChild + spun);
    expect(tree.cpuMs()).toBeLessThanOrEqual(withChild + spun + 30);
  });

  test('keeps a process whose parent ended', async () => {
    await using shell = await startShell(
      `(self; middle=$pid
        (burn 300000; echo burnt
         while kill -0 $middle; do sleep 0.02; done; burn 300000; echo again; exec sleep 3600) &
        read go)
       read end`,
    );
    await shell.line('burnt');
    const tree = createProcessTree(shell.pid);
    const before = tree.cpuMs() ?? Number.NaN;
    expect(before).toBeGreaterThan(50);
    shell.proceed();
    await shell.line('again');
    const alone = createProcessTree(shell.pid).cpuMs() ?? Number.NaN;
    expect(alone).toBeLessThan(before);
    // It spins once before and once after its parent ended.
    expect((tree.cpuMs() ?? Number.NaN) - before).toBeGreaterThan(50);
  });

  test('stays at its last value when the root is gone; one that never was has none', async () => {
    const shell = await startShell('burn 300000; echo burnt; read end');
    await shell.line('burnt');
    const tree = createProcessTree(shell.pid);
    const last = tree.cpuMs();
    expect(last).toBeGreaterThan(50);
    await shell[Symbol.asyncDispose]();
    expect(tree.cpuMs()).toBe(last);
    expect(createProcessTree(shell.pid).cpuMs()).toBeUndefined();
  });
});

/** `0m1.230000s`, as `times` prints it. */
function milliseconds(text: string): number {
  const [minutes, seconds] = text.split('m');
  return Number(minutes) * 60_000 + Number.parseFloat(seconds ?? '') * 1_000;
}
