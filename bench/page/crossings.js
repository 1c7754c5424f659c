// Counts the calls between JavaScript and wasm, of modules that are instantiated after this was loaded.

export let crossings = 0;

const counting = (functions) => {
  const wrapped = {};
  for (const [name, value] of Object.entries(functions)) {
    wrapped[name] = typeof value !== "function" ? value : (...values) => {
      crossings += 1;
      return value(...values);
    };
  }
  return wrapped;
};

const instantiate = WebAssembly.instantiate;

// wasm-bindgen's glue calls it with bytes, if it is given bytes.
WebAssembly.instantiate = async (bytes, imports) => {
  const wrapped = Object.entries(imports).map(([name, functions]) => [name, counting(functions)]);
  const { module, instance } = await instantiate(bytes, Object.fromEntries(wrapped));
  return { module, instance: { exports: counting(instance.exports) } };
};
