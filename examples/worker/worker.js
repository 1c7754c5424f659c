import start from "./pkg/chat-worker.js";
start();
