// Relative, so that it can be served from any folder. Nothing about the package: it needs nothing.
export default { base: "./", build: { rollupOptions: { input: "app.html" } } };
