/** Runs when the server starts, before it renders anything: refuses to load anything, and notes the attempts. */
export function register() {
  globalThis.loads = [];
  const refuse = (name) => async (what) => {
    // The development server of Next.js asks for the newest version.
    if (!`${what}`.startsWith("https://registry.npmjs.org/")) globalThis.loads.push(`${name} ${what}`);
    throw new Error("the server loads nothing");
  };
  // Next.js wraps `fetch` for each request, and its wrapper refuses relative URLs itself.
  const fetch = refuse("fetch");
  Object.defineProperty(globalThis, "fetch", { get: () => fetch, set: () => {} });
  for (const name of ["compile", "compileStreaming", "instantiate"]) WebAssembly[name] = refuse(name);
}
