import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // relative, so that the app can be served from any folder
  server: { proxy: { "/chat": { target: "ws://127.0.0.1:8765", ws: true } } }, // where `cargo xtask server` listens
});
