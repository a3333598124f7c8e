/** Resolves when all promises have settled, or after `timeoutMs` without waiting for the rest. */
export async function settledWithin(promises: readonly Promise<unknown>[], timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([Promise.allSettled(promises), tooLate]);
  clearTimeout(timer);
}
