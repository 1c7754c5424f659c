// Counts the calls between JavaScript and the wasm modules that are instantiated after this file is loaded.

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

// wasm-bindgen's glue calls this with bytes if `init` gets bytes.
WebAssembly.instantiate = async (bytes, imports) => {
  const wrapped = Object.entries(imports).map(([name, functions]) => [name, counting(functions)]);
  const { module, instance } = await instantiate(bytes, Object.fromEntries(wrapped));
  return { module, instance: { exports: counting(instance.exports) } };
};
