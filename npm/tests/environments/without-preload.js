// The same app, built by a bundler that does not copy the wasm: the error says what to do.
import "./app.js";

const CURE = "the wasm could not be loaded from `";
globalThis.outcomes = globalThis.outcomes.then((outcomes) =>
  outcomes.map(({ name, error }) => ({
    name: `${name} fails and names the cure`,
    error: error?.startsWith(CURE) && error.includes("give its URL to `preload`") ? null : String(error),
  })),
);
