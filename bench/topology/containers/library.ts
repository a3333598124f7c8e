import { EnvironmentError } from '../../model.ts';

export type Testcontainers = typeof import('testcontainers');

/** Loaded when it is first needed: it takes half a second, and is no dependency of who does not use it. */
export async function loadTestcontainers(): Promise<Testcontainers> {
  // Its reaper is a container of an image of its own, from a registry; our guardian does that work.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
  try {
    return await import('testcontainers');
  } catch (cause) {
    throw new EnvironmentError(
      '--topology testcontainers needs the package testcontainers and Node 22.22 or newer: npm install testcontainers@12',
      { cause },
    );
  }
}
