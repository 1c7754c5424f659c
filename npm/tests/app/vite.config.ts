import { defineConfig } from "vite";

// The base is relative, so that the app can be served from any folder. The package needs no configuration.
export default defineConfig(({ mode }) => ({
  base: "./",
  build: { rolldownOptions: { input: mode.startsWith("minimal") ? `${mode}.html` : "index.html" } },
}));
