// Writes each example of the README and of the documentation comments to a separate file for the compiler: `example-N.ts`.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = "node_modules/wasm-websocket";
const dist = readdirSync(join(folder, "dist")).filter((file) => file.endsWith(".d.ts"));
const texts = ["README.md", ...dist.map((file) => join("dist", file))];
const files = [];
for (const text of texts) {
  for (const [, begin, code] of readFileSync(join(folder, text), "utf8").matchAll(/^( *(?:\* )?)```ts\n(.*?)^ *(?:\* )?```$/gms)) {
    const lines = code.split("\n").map((line) => (line.startsWith(begin) ? line.slice(begin.length) : line.replace(/^ *\*$/, "")));
    // The hook needs React, and is tested with it.
    if (code.includes('from "react"')) continue;
    const file = `example-${files.length}.ts`;
    files.push(file);
    writeFileSync(file, `// ${text}\n${lines.join("\n")}\nexport {};\n`);
  }
}
if (files.length < 10) throw new Error(`only ${files.length} examples were found`);
const tsconfig = { extends: "./tsconfig.json", compilerOptions: { noUnusedLocals: false }, files: ["examples.d.ts", ...files] };
writeFileSync("tsconfig.examples.json", JSON.stringify(tsconfig));
