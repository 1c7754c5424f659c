import start from "./chat-worker.js";
start();
