// Takes every page over at once, and notes the path of what they fetch. It answers nothing, so the browser fetches it.

const fetched = [];

addEventListener("install", () => skipWaiting());
addEventListener("activate", event => event.waitUntil(clients.claim()));
addEventListener("fetch", ({ request }) => fetched.push(request.url.slice(location.origin.length)));
addEventListener("message", ({ ports: [port] }) => port.postMessage(fetched));
