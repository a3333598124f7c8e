import { expect, test } from 'vitest';
import type { ComposeStack } from '../support/compose.ts';
import { expectFiveOk, run, succeed } from './commands.ts';

export function verifyCases(stack: () => ComposeStack): void {
  test('verify says five times ok', async () => {
    await expectFiveOk(stack());
  });

  test('status shows every node and application, as a table and as JSON', async () => {
    const table = await succeed(stack(), 'status');
    expect(table).toMatch(/^primary +primary +accepts writes +1 /m);
    expect(table).toMatch(/^replica[12] +replica +streaming .* active, reserved/m);
    expect(table).toMatch(/^app3 +\S+ +primary +replica1, replica2$/m);
    const status = JSON.parse(await succeed(stack(), 'status', '--json'));
    expect(status).toMatchObject({ primary: 'primary', nodes: [{ node: 'primary' }, {}, {}] });
    expect(status.nodes[1]).toMatchObject({ role: 'replica', state: 'streaming', slot: { active: true } });
  });

  test('doctor finds nothing in a healthy stack', async () => {
    expect(await succeed(stack(), 'doctor')).toMatch(/^healthy/);
  });

  test('a stack that is not there is said so, exit code 3', async () => {
    const other = { ...stack(), project: 'rbtest-nobody' };
    const { code, output } = await run(other, 'verify');
    expect(output).toContain('no compose stack "rbtest-nobody" is here');
    expect(code).toBe(3);
  });
}
