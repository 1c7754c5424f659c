/** Calls `listener` when the signal is aborted, at once if it is aborted already. Returns a function that removes the listener. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  signal?.addEventListener("abort", listener);
  if (signal?.aborted === true) listener();
  return () => signal?.removeEventListener("abort", listener);
}

/**
 * Settles as `promise` does. If the signal is aborted first, rejects with its reason, unless `cancel` returns false because it is too
 * late.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  cancel: () => boolean = () => true,
): Promise<T> {
  if (signal === undefined) return promise;
  let forget = () => {};
  const aborted = new Promise<never>((_, reject) => {
    forget = onAbort(signal, () => cancel() && reject(signal.reason));
  });
  return Promise.race([aborted, promise]).finally(forget);
}

/** A pending call of a core. Each wasm module has such a class. */
interface Pending {
  settled(): Promise<unknown>;
  cancel(): void;
  free(): void;
}

/** Settles as a pending call does. If a signal is aborted first, cancels the call, and rejects with the signal's reason. */
export async function settled<T>(call: Pending, ...signals: (AbortSignal | undefined)[]): Promise<T> {
  let aborted: AbortSignal | undefined;
  const forget = signals.map((signal) =>
    onAbort(signal, () => {
      aborted ??= signal;
      call.cancel();
    }),
  );
  try {
    const result = await call.settled();
    // A call that was ready before the signal was aborted still has its result.
    if (result === undefined) throw aborted?.reason;
    return result as T;
  } finally {
    for (const each of forget) each();
    call.free();
  }
}

/** Returns whether an error is the reason with which a call was cancelled. */
export function isReason(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && error === signal.reason;
}
