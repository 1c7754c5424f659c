import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // so that it can be served from any folder
  server: { proxy: { "/chat": { target: "ws://127.0.0.1:8765", ws: true } } }, // where `cargo xtask server` listens
});
