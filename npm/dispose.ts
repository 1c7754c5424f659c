/** `Symbol.asyncDispose`, or the symbol that esbuild, Babel and swc use where it is missing. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
