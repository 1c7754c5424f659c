// What an app weighs that Vite has built, and whether a README says so: `node size.js FOLDER README`.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

const [folder, readme] = process.argv.slice(2);
const sizes = readdirSync(folder).map((file) => brotliCompressSync(readFileSync(join(folder, file))).length);
const total = sizes.reduce((total, size) => total + size, 0);
const [, stated] = /(\d+) KB/.exec(readFileSync(readme, "utf8")) ?? [];
console.log(`wasm and JavaScript by brotli: ${total} bytes, of which the README says ${stated} KB`);
// Other compilers make other sizes, so there is some room.
if (!(total <= stated * 1000 && total > stated * 1000 - 4000)) process.exitCode = 1;
