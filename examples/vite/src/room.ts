import { type CloseEvent, type WebSocketStream, connect } from "wasm-websocket";
import { find } from "./find.ts";
import { type Said, decode, encode } from "./said.ts";

/** A room of the chat. This element owns the connection: removing the element from the page closes the connection. */
export class Room extends HTMLElement {
  readonly #name: string;
  readonly #url: string;
  readonly #log: HTMLElement;
  readonly #problem: HTMLElement;
  readonly #form: HTMLFormElement;
  readonly #text: HTMLInputElement;
  readonly #button: HTMLButtonElement;
  #leaving = new AbortController();

  constructor(name: string, room: string) {
    super();
    this.#name = name;
    this.#url = `/chat/${room}`;
    this.append(find(document, "template", HTMLTemplateElement).content.cloneNode(true));
    this.#log = find(this, "#log", HTMLElement);
    this.#problem = find(this, "[role=alert]", HTMLElement);
    this.#form = find(this, "form", HTMLFormElement);
    this.#text = find(this, "input", HTMLInputElement);
    this.#button = find(this, "form button", HTMLButtonElement);
    find(this, "h2", HTMLElement).textContent = room;
    find(this, "#leave", HTMLElement).addEventListener("click", () => this.dispatchEvent(new Event("leave")));
  }

  connectedCallback(): void {
    this.#leaving = new AbortController();
    this.#button.disabled = true;
    void this.#stay(this.#leaving.signal);
  }

  disconnectedCallback(): void {
    this.#leaving.abort();
  }

  async #stay(signal: AbortSignal): Promise<void> {
    const end = await this.#talk(signal).then(describe, messageOf);
    if (signal.aborted) return; // the element was removed, or moved: then it has another connection
    this.#tell(end);
    this.#button.disabled = true;
  }

  /** Shows the lines of the room until the connection ends. */
  async #talk(signal: AbortSignal): Promise<CloseEvent> {
    await using socket = await connect(this.#url, { signal });
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      void this.#say(socket, this.#text.value);
    };
    this.#button.disabled = false;
    this.#problem.hidden = true;
    for await (const message of socket) {
      try {
        this.#show(decode(message));
      } catch (error) {
        this.#tell(messageOf(error)); // one bad message does not end a chat
      }
    }
    return await socket.closed;
  }

  async #say(socket: WebSocketStream, text: string): Promise<void> {
    this.#form.reset();
    try {
      await socket.send(encode({ name: this.#name, text }));
    } catch (error) {
      this.#text.value = text; // back into its field
      this.#tell(messageOf(error));
    }
  }

  #show({ name, text }: Said): void {
    const line = document.createElement("li");
    const who = document.createElement("b");
    who.textContent = name;
    line.append(who, ` ${text}`);
    this.#log.append(line);
  }

  #tell(problem: string): void {
    this.#problem.textContent = problem;
    this.#problem.hidden = false;
  }
}

function describe({ code, reason }: CloseEvent): string {
  return `the connection has ended: ${reason || "no reason given"} (${code})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

customElements.define("chat-room", Room);
