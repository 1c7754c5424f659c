//! The browser's `WebSocketStream` and its streams, which `web_sys` has only as unstable APIs.

use js_sys::{Function, Object};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The browser's own object.
    #[derive(Clone, Debug)]
    pub type WebSocketStream;

    #[wasm_bindgen(method, getter)]
    pub fn opened(this: &WebSocketStream) -> Pending;

    #[wasm_bindgen(method, getter)]
    pub fn closed(this: &WebSocketStream) -> Pending;

    #[wasm_bindgen(method, catch)]
    pub fn close(this: &WebSocketStream, info: &Dictionary) -> Result<(), JsValue>;

    /// A promise of anything.
    #[derive(Debug)]
    pub type Pending;

    /// Calls one of the functions when the promise settles; `undefined` stands for no function. Ignores the promise that `then`
    /// returns, since neither function throws.
    #[wasm_bindgen(method)]
    pub fn then(this: &Pending, fulfilled: &JsValue, rejected: &JsValue);

    /// The value with which `opened` resolves.
    pub type Opened;

    #[wasm_bindgen(method, getter)]
    pub fn readable(this: &Opened) -> Readable;

    #[wasm_bindgen(method, getter)]
    pub fn writable(this: &Opened) -> Writable;

    #[derive(Debug)]
    pub type Readable;

    #[wasm_bindgen(method, js_name = getReader)]
    pub fn get_reader(this: &Readable) -> Reader;

    /// Pipes the stream through a pair of streams. Used instead of `pipeTo`, whose promise needs a handler.
    #[wasm_bindgen(method, catch, js_name = pipeThrough)]
    pub fn pipe_through(this: &Readable, pair: &Dictionary) -> Result<JsValue, JsValue>;

    #[derive(Debug)]
    pub type Reader;

    #[wasm_bindgen(method)]
    pub fn read(this: &Reader) -> Pending;

    #[wasm_bindgen(method, js_name = releaseLock)]
    pub fn release_lock(this: &Reader);

    /// The value with which `read` resolves. Its `value` is `undefined` when the stream has ended.
    pub type Chunk;

    #[wasm_bindgen(method, getter)]
    pub fn value(this: &Chunk) -> JsValue;

    #[derive(Debug)]
    pub type Writable;

    #[wasm_bindgen(method, js_name = getWriter)]
    pub fn get_writer(this: &Writable) -> Writer;

    #[derive(Debug)]
    pub type Writer;

    #[wasm_bindgen(method, js_name = write)]
    pub fn write_text(this: &Writer, text: &str) -> Pending;

    /// Writes a view of wasm memory.
    #[wasm_bindgen(method, js_name = write)]
    pub fn write_bytes(this: &Writer, bytes: &[u8]) -> Pending;

    #[wasm_bindgen(method)]
    pub fn write(this: &Writer, chunk: &JsValue) -> Pending;

    #[wasm_bindgen(method, js_name = releaseLock)]
    pub fn release_lock(this: &Writer);

    #[derive(Debug)]
    pub type AbortController;

    #[wasm_bindgen(method, getter)]
    pub fn signal(this: &AbortController) -> JsValue;

    #[wasm_bindgen(method)]
    pub fn abort(this: &AbortController);

    /// An object whose properties are set by name.
    #[wasm_bindgen(extends = Object)]
    pub type Dictionary;

    #[wasm_bindgen(method, structural, indexing_setter)]
    pub fn set(this: &Dictionary, name: &str, value: &JsValue);

    pub type Blob;

    #[wasm_bindgen(method, js_name = arrayBuffer)]
    pub fn array_buffer(this: &Blob) -> Pending;

    /// Returns a function that calls `function` with `first` as the first argument.
    #[wasm_bindgen(js_namespace = ["Function", "prototype", "bind"], js_name = call)]
    pub fn bind(function: &JsValue, this: &JsValue, first: u32) -> Function;
}

impl Dictionary {
    pub fn new() -> Self {
        Object::new().unchecked_into()
    }
}
