import { abortable } from "./abort.js";
import { WebSocketError, call, errorOf, rethrow, sendErrorOf } from "./errors.js";
import { messageOf } from "./message.js";
import { kept } from "./payload.js";
import type { Doubt, Failure, Hooks, Opening, Provider } from "./reconnect-core.js";
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
import { type Cause, fromCore } from "./state.js";

/** The methods of an attempt for messages in doubt. */
export type Account = Pick<Attempt, "confirm" | "takeInDoubt">;

/** How many exceptions are kept. */
const KEPT = 16;

/** Properties of the last connection, and the last exceptions of the caller's functions. */
export class Facts {
  url = "";
  protocol = "";
  extensions = "";
  /** The last exceptions of functions of the caller, by their texts. */
  readonly #thrown = new Map<string, unknown>();

  /** Keeps an exception of a function of the caller, and returns its text for the core. */
  keep(thrown: unknown): string {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    this.#thrown.delete(text);
    this.#thrown.set(text, thrown);
    const [oldest] = this.#thrown.keys();
    if (this.#thrown.size > KEPT) this.#thrown.delete(oldest as string);
    return text;
  }

  /** Converts what the core threw to an error. The core has only the text of what the caller threw, so `cause` is added here. */
  errorOf = (thrown: unknown): WebSocketError => {
    const error = errorOf(thrown);
    if (error.code !== "attemptFailed") return error;
    // The core puts words and a colon before the text.
    const cause = this.#thrown.get(error.message.slice(error.message.indexOf(": ") + 2));
    return new WebSocketError(error.code, error.message, cause);
  };
}

/** Wraps the caller's functions in those that the core calls. */
export function hooksOf(
  provider: TargetProvider,
  { onOpen, afterClose, heartbeat, protocols }: ReconnectOptions,
  account: () => Account | undefined,
  facts: Facts,
): Hooks {
  const pong = heartbeat?.pong;
  return {
    ...providerOf(provider, protocols, facts),
    isOpener: onOpen !== undefined,
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
    afterClose: (event) => call(() => delayOf(afterClose?.(event))),
    isPong: (data) => typeof pong === "function" && call(() => pong(messageOf(data))) === true,
  };
}

/** Wraps the caller's provider in the function that the core calls. */
export function providerOf(provider: TargetProvider, protocols: readonly string[] | undefined, facts: Facts): Provider {
  return {
    target: (signal) =>
      settle(facts, signal, async () => {
        const found = await (typeof provider === "function" ? provider({ signal }) : provider);
        return targetOf(found, protocols);
      }),
  };
}

/**
 * Runs a caller's function for the core. The promise rejects with a `Failure`. It also rejects when the attempt is given up,
 * since the core cannot free a task that waits for a promise which never settles.
 */
export async function settle<T>(facts: Facts, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await abortable(run(), signal);
  } catch (error) {
    throw { message: facts.keep(error), isLast: error instanceof GiveUp } satisfies Failure;
  }
}

function targetOf(found: string | URL | Target, protocols: readonly string[] | undefined): { url: string; protocols?: string[] } {
  const target = typeof found === "string" || found instanceof URL ? { url: found } : found;
  const url: unknown = target?.url;
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new WebSocketError("invalidUrl", `the provider returned ${String(url)}; return a URL, or an object with a URL`);
  }
  const offered: unknown = target.protocols ?? protocols;
  if (offered !== undefined && !Array.isArray(offered)) {
    // Without the value: a subprotocol may hold a token.
    throw new WebSocketError("invalidOption", `the provider returned \`protocols\` of type ${typeof offered}; return an array of texts`);
  }
  return { url: String(url), ...(offered === undefined ? {} : { protocols: [...offered] as string[] }) };
}

function delayOf(after: AfterClose | null | undefined): number | undefined {
  if (after === undefined || after === null) return undefined;
  if (after === "stop") return -1;
  const delay = after === "retry" ? 0 : after.retryAfter;
  if (typeof delay === "number" && !Number.isNaN(delay)) return Math.max(0, delay);
  throw new WebSocketError("invalidOption", `\`afterClose\` returned ${String(after)}; return "retry", "stop" or { retryAfter }`);
}

/** Returns the connection for `onOpen`. It can be used while `onOpen` runs. */
function socketOf(opening: Opening): OpeningSocket {
  const { url, protocol, extensions } = opening;
  const whileOpen = <T>(ask: () => Promise<T>): Promise<T> => {
    // When `onOpen` is over, `opening` is freed, and its methods throw.
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
    cause: fromCore<Cause>(cause, facts.errorOf),
    inDoubt: inDoubtOf(inDoubt),
    signal,
    confirm: (number) => account()?.confirm(number) ?? 0,
    takeInDoubt: () => account()?.takeInDoubt() ?? { count: 0, messages: [] },
  };
}
