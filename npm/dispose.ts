/** `Symbol.asyncDispose`, or the symbol that compilers use where it is missing. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
