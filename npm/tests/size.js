// The size of an app built by Vite, compared with the size in a README: `node size.js FOLDER README FUNCTION`. The README names
// the function, and the kilobytes in the same row.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

const [folder, readme, name] = process.argv.slice(2);
// The modules for streams are loaded only by apps that ask for streams.
const files = readdirSync(folder).filter((file) => !file.includes("-streams"));
// Vite also writes wasm that nothing refers to, which no page downloads.
const code = files.filter((file) => file.endsWith(".js")).map((file) => readFileSync(join(folder, file), "utf8"));
const downloaded = files.filter((file) => file.endsWith(".js") || code.some((text) => text.includes(file)));
const sizes = downloaded.map((file) => brotliCompressSync(readFileSync(join(folder, file))).length);
const total = sizes.reduce((total, size) => total + size, 0);
const [, stated] = new RegExp(`\\| \`${name}\` \\| (\\d+) KB`).exec(readFileSync(readme, "utf8")) ?? [];
console.log(`an app with ${name}, wasm and JavaScript by brotli: ${total} bytes; the README says ${stated} KB`);
// Other compilers make other sizes, so sizes that are up to 4 kB smaller are accepted, too.
if (!(total <= stated * 1000 && total > stated * 1000 - 4000)) process.exitCode = 1;
