//! The browser's `WebSocketStream` and what belongs to it, which `web_sys` has as unstable only.

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
    pub type Pending;

    /// What this returns is of no use, since neither function throws.
    #[wasm_bindgen(method)]
    pub fn then(this: &Pending, fulfilled: &Function, rejected: &Function);

    /// What `opened` resolves with.
    pub type Opened;

    #[wasm_bindgen(method, getter)]
    pub fn readable(this: &Opened) -> Readable;

    #[wasm_bindgen(method, getter)]
    pub fn writable(this: &Opened) -> Writable;

    #[derive(Debug)]
    pub type Readable;

    #[wasm_bindgen(method, js_name = getReader)]
    pub fn get_reader(this: &Readable) -> Reader;

    /// In place of `pipeTo`, whose promise would have to be handled.
    #[wasm_bindgen(method, catch, js_name = pipeThrough)]
    pub fn pipe_through(this: &Readable, pair: &Dictionary) -> Result<JsValue, JsValue>;

    #[derive(Debug)]
    pub type Reader;

    #[wasm_bindgen(method)]
    pub fn read(this: &Reader) -> Pending;

    #[wasm_bindgen(method, js_name = releaseLock)]
    pub fn release_lock(this: &Reader);

    /// What `read` resolves with. There is a value unless the stream is done.
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

    /// A view of wasm memory.
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

    /// A function that calls another one with this as the first argument.
    #[wasm_bindgen(js_namespace = ["Function", "prototype", "bind"], js_name = call)]
    pub fn bind(function: &JsValue, this: &JsValue, first: u32) -> Function;

    /// `Uint8Array` over a part of a buffer. It throws for a buffer that was given away.
    #[wasm_bindgen(js_name = Uint8Array)]
    pub type Part;

    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    pub fn new(buffer: &JsValue, byte_offset: u32, len: u32) -> Result<Part, JsValue>;

    /// A copy in a buffer of its own.
    #[wasm_bindgen(method)]
    pub fn slice(this: &Part) -> JsValue;
}

impl Dictionary {
    pub fn new() -> Self {
        Object::new().unchecked_into()
    }
}
