export type Message =
  | { readonly type: "text"; readonly data: string }
  | { readonly type: "binary"; readonly data: ArrayBuffer };

export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
}

export interface WebSocketStream extends AsyncIterable<Message>, AsyncDisposable {
  readonly closed: Promise<CloseEvent>;
  send(message: string): Promise<void>;
}

export function connect(url: string, options?: { signal?: AbortSignal }): Promise<WebSocketStream>;
