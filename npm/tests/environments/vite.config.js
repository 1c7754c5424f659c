// The base is relative, so that the app can be served from any folder. The package needs no configuration.
export default { base: "./", build: { rollupOptions: { input: "app.html" } } };
