import { defineConfig } from "vite";

// Relative, so that it can be served from any folder. Nothing about the package: it needs nothing.
export default defineConfig(({ mode }) => ({
  base: "./",
  build: { rolldownOptions: { input: mode.startsWith("minimal") ? `${mode}.html` : "index.html" } },
}));
