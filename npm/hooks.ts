import { abortable } from "./abort.js";
import { WebSocketError, errorOf, report, rethrow, sendErrorOf } from "./errors.js";
import { messageOf } from "./message.js";
import { kept } from "./payload.js";
import type { Doubt, Failure, Hooks, Opening } from "./reconnect-core.js";
import {
  type AfterClose,
  type Attempt,
  GiveUp,
  type OpeningSocket,
  type ReconnectOptions,
  type Target,
  type TargetProvider,
  inDoubtOf,
} from "./reconnect-options.js";
import { type Cause, told } from "./state.js";

/** The part of a connection that an attempt may use. */
export type Account = Pick<Attempt, "confirm" | "takeInDoubt">;

/** What is to be remembered of the caller's functions and of the last connection. */
export class Facts {
  url = "";
  protocol = "";
  extensions = "";
  /** What the caller has thrown last. */
  thrown: unknown;

  /** The error for what the core has thrown, with what the caller has thrown as its cause: the core knows its text alone. */
  errorOf = (thrown: unknown): WebSocketError => {
    const { code, message } = errorOf(thrown);
    return code === "attemptFailed" ? new WebSocketError(code, message, this.thrown) : errorOf(thrown);
  };
}

/** The caller's functions, as the core calls them. */
export function hooksOf(
  provider: TargetProvider,
  { onOpen, afterClose, heartbeat, protocols }: ReconnectOptions,
  account: () => Account | undefined,
  facts: Facts,
): Hooks {
  const pong = heartbeat?.pong;
  return {
    isOpener: onOpen !== undefined,
    target: (signal) => settle(facts, signal, async () => targetOf(await (typeof provider === "function" ? provider({ signal }) : provider), protocols)),
    open: (opening, number, cause, inDoubt, signal) =>
      settle(facts, signal, async () => {
        try {
          ({ url: facts.url, protocol: facts.protocol, extensions: facts.extensions } = opening);
          if (onOpen === undefined || inDoubt === undefined) return;
          await onOpen(socketOf(opening), attemptOf(number, cause, inDoubt, signal, account, facts));
        } finally {
          opening.free();
        }
      }),
    afterClose: (event) => delayOf(call(() => afterClose?.(event), facts)),
    isPong: (data) => typeof pong === "function" && call(() => pong(messageOf(data)), facts) === true,
  };
}

/**
 * The promise of a caller's function, for the core: what it rejects with is a `Failure`. It is settled in any case, since the core
 * cannot free what waits for a promise that never is.
 */
async function settle<T>(facts: Facts, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await abortable(run(), signal, () => {});
  } catch (error) {
    facts.thrown = error;
    throw { message: error instanceof Error ? error.message : String(error), isLast: error instanceof GiveUp } satisfies Failure;
  }
}

/** Calls a caller's function. What it throws is the page's own error. */
function call<T>(run: () => T, facts: Facts): T | undefined {
  try {
    return run();
  } catch (error) {
    facts.thrown = error;
    report(error);
    return undefined;
  }
}

function targetOf(found: string | URL | Target, protocols: readonly string[] | undefined): { url: string; protocols?: string[] } {
  const target = typeof found === "string" || found instanceof URL ? { url: found } : found;
  const url: unknown = target?.url;
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new WebSocketError("invalidUrl", `the provider gave ${String(url)}; return a URL, or an object with one`);
  }
  const offered = target.protocols ?? protocols;
  return { url: String(url), ...(offered === undefined ? {} : { protocols: [...offered] }) };
}

function delayOf(after: AfterClose | undefined): number | undefined {
  if (after === undefined) return undefined;
  if (after === "stop") return -1;
  return after === "retry" ? 0 : Math.max(0, after.retryAfter);
}

/** The connection, for as long as the core answers. */
function socketOf(opening: Opening): OpeningSocket {
  const { url, protocol, extensions } = opening;
  const whileOpen = <T>(ask: () => Promise<T>): Promise<T> => {
    // What was freed throws when it is asked.
    try {
      return ask();
    } catch {
      return Promise.reject(new WebSocketError("notOpen", "`onOpen` is over; use the stream"));
    }
  };
  return {
    url,
    protocol,
    extensions,
    send: async (message) => {
      const data = kept(message);
      await whileOpen(() => opening.send(data)).catch((error: unknown) => {
        throw sendErrorOf(error, message);
      });
    },
    receive: async () => {
      const data = await whileOpen(() => opening.receive()).catch(rethrow);
      return data === undefined ? undefined : messageOf(data);
    },
  };
}

function attemptOf(
  number: number,
  cause: object,
  inDoubt: Doubt,
  signal: AbortSignal,
  account: () => Account | undefined,
  facts: Facts,
): Attempt {
  return {
    number,
    cause: told<Cause>(cause, facts.errorOf),
    inDoubt: inDoubtOf(inDoubt),
    signal,
    confirm: (number) => account()?.confirm(number) ?? 0,
    takeInDoubt: () => account()?.takeInDoubt() ?? { count: 0, messages: [] },
  };
}

