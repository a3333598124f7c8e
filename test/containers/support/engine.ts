/** Tests that need a Docker engine say so when there is none, instead of failing or passing. */
import { describe } from 'vitest';
import { engineAnswers } from '../../../bench/topology/docker/engine.ts';

const reason = await noEngineReason();

/** Empty when there is one. REPLIBENCH_NO_ENGINE: why whoever runs the tests cannot use the one that answers. */
async function noEngineReason(): Promise<string> {
  const told = process.env['REPLIBENCH_NO_ENGINE'];
  if (told) return ` (skipped: ${told})`;
  return (await engineAnswers()) ? '' : ' (skipped: no Docker engine)';
}

/** `describe` for what runs in containers. */
export function describeWithEngine(title: string, body: () => void): void {
  describe.skipIf(reason !== '')(`${title}${reason}`, body);
}
