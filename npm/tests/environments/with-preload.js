// The same app, for a bundler that returns the URL of an imported wasm file.
import "./preload.js";
import "./app.js";
