// Builds the app with every bundler, and runs the package in every runtime: `node run.js SERVER SITE`. The built pages are tested in
// browsers, at `SITE/environments/NAME/app.html`.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const [server, site] = process.argv.slice(2);
const bin = (name) => join("node_modules", ".bin", name);
const node22 = join("node_modules", "node22", "bin", "node");
const vite7 = ["node", join("node_modules", "vite7", "bin", "vite.js")];
const vitest = [node22, join("node_modules", "vitest", "vitest.mjs"), "run", "--root", "vitest", "--environment"];

function run(what, [program, ...given], env = {}) {
  const begin = Date.now();
  const { status, stdout, stderr, error } = spawnSync(program, given, { env: { ...process.env, ...env }, encoding: "utf8", timeout: 180_000 });
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${what}: ${Date.now() - begin} ms`);
  if (status === 0) return;
  console.log(error ?? "", stdout, stderr);
  process.exitCode = 1;
}

function bundle(name, command, env) {
  const out = join(site, "environments", name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  run(`bundling by ${name}`, command(out), env);
  // Vite has written its own page.
  cpSync("app.html", join(out, "app.html"), { force: false });
}

const esbuild = [bin("esbuild"), "--bundle", "--format=esm", "--log-level=error"];
bundle("vite7", (out) => [...vite7, "build", "--logLevel", "error", "--outDir", out]);
bundle("webpack", (out) => [bin("webpack"), "--mode=production", "--entry=./app.js", `--output-path=${out}`, "--output-filename=app.js"]);
bundle("rollup", (out) => [bin("rollup"), "--silent", "--config", "--format=es", `--dir=${out}`]);
bundle("parcel", (out) => [bin("parcel"), "build", "app.html", `--dist-dir=${out}`, "--public-url=./", "--no-cache", "--log-level=error"]);
bundle("esbuild", (out) => [...esbuild, "with-preload.js", "--loader:.wasm=file", `--outfile=${out}/app.js`]);
bundle("esbuild-unconfigured", (out) => [...esbuild, "without-preload.js", `--outfile=${out}/app.js`]);
bundle("react", (out) => [...esbuild, "react.tsx", "--loader:.wasm=file", "--jsx=automatic", `--outfile=${out}/app.js`]);

// The server of Next.js serves its app itself. The caches of earlier builds may have an earlier build of the package.
for (const app of ["next", "next-webpack"]) rmSync(join(app, ".next"), { recursive: true, force: true });
cpSync("next", "next-webpack", { recursive: true });
run("building by Next.js with Turbopack", [bin("next"), "build", "next", "--turbopack"]);
run("building by Next.js with webpack", [bin("next"), "build", "next-webpack", "--webpack"]);

const socket = `ws://${server}`;
run("types of React and of schemas", [bin("tsc"), "--project", "."]);
run("zod, valibot and arktype", [node22, "--experimental-strip-types", "--no-warnings", "schemas.ts", socket]);
// Before version 22, Node.js has a WebSocket by this flag.
run(`Node.js ${process.version}`, ["node", "--experimental-websocket", "node.js", socket]);
run("Node.js 22", [node22, "node.js", socket]);
run("Node.js 22 with ws", [node22, "node.js", socket], { TEST_WS: "1" });
run("Deno", [bin("deno"), "run", "--allow-net", "--allow-read", "--allow-env", "node.js", socket]);
run("Bun", [bin("bun"), "node.js", socket]);
run("vitest in Node.js", [...vitest, "node"], { TEST_SERVER: socket });
run("vitest in jsdom with ws", [...vitest, "jsdom"], { TEST_SERVER: socket, TEST_WS: "1" });

// The README shows the hook as it is tested.
const hook = readFileSync("use-web-socket.ts", "utf8");
if (!readFileSync("README.md", "utf8").includes(hook)) {
  console.log("FAILED the hook in the README differs from use-web-socket.ts");
  process.exitCode = 1;
}
