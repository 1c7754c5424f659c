// The same app, for a bundler that takes wasm for a file.
import "./preload.js";
import "./app.js";
