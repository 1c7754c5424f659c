//! What `web_sys` lacks, or has in a form that loses something.

use js_sys::{Array, ArrayBuffer, Function, Object, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A property of an object, `None` if it is `undefined` or `null`.
    ///
    /// For all that is read rarely: one import is less to download than one for each property.
    #[wasm_bindgen(js_namespace = Reflect)]
    pub fn get(object: &JsValue, name: &str) -> Option<JsValue>;

    /// The same as a number, as JavaScript converts it.
    #[wasm_bindgen(js_namespace = Reflect, js_name = get)]
    pub fn get_number(object: &JsValue, name: &str) -> f64;

    /// `new` by another name: of an imported constructor that throws, wasm-bindgen 0.2.130 never frees the result, which
    /// there is none of. An `Option` takes no place in its table of objects.
    #[wasm_bindgen(catch, js_namespace = Reflect)]
    pub fn construct(constructor: &JsValue, arguments: &Array) -> Result<Option<JsValue>, JsValue>;

    /// The arguments of a constructor.
    #[wasm_bindgen(js_namespace = Array, js_name = of)]
    pub fn array_of(first: &str, second: Option<Array>) -> Array;

    /// `EventTarget` whose methods throw only for arguments of a wrong type.
    pub type EventTarget;

    #[wasm_bindgen(method, js_name = addEventListener)]
    pub fn add_event_listener(this: &EventTarget, name: &str, callback: &Function);

    #[wasm_bindgen(method, js_name = removeEventListener)]
    pub fn remove_event_listener(this: &EventTarget, name: &str, callback: &Function);

    /// The `WebSocket` of `web_sys` with a few members more.
    #[wasm_bindgen(extends = web_sys::WebSocket)]
    #[derive(Clone, Debug)]
    pub type WebSocket;

    /// 64 bits in the standard; `web_sys` cuts it to 32.
    #[wasm_bindgen(method, getter, js_name = bufferedAmount)]
    pub fn buffered_amount(this: &WebSocket) -> f64;

    /// Every kind of object that `send` takes.
    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_object(this: &WebSocket, object: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_str(this: &WebSocket, text: &str) -> Result<(), JsValue>;

    /// A view of wasm memory, which the browser copies before it returns.
    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_bytes(this: &WebSocket, bytes: &[u8]) -> Result<(), JsValue>;

    /// Without arguments it never throws.
    #[wasm_bindgen(method, js_name = close)]
    pub fn close(this: &WebSocket);

    #[wasm_bindgen(method, catch, js_name = close)]
    pub fn close_with(this: &WebSocket, code: u16, reason: &str) -> Result<(), JsValue>;

    /// In place of an enum, which is a table of its own in the glue.
    #[wasm_bindgen(method, setter, js_name = binaryType)]
    pub fn set_binary_type(this: &WebSocket, binary_type: &str);

    /// A method apart from its object.
    pub type Method;

    /// The function that calls it with these as `this` and as the first two arguments, whatever it is called with.
    #[wasm_bindgen(method)]
    pub fn bind(this: &Method, object: &WebSocket, code: u16, reason: &str) -> Function;

    /// `ImageData` whose pixels stay where they are; `web_sys` copies them into wasm memory.
    pub type ImageData;

    #[wasm_bindgen(method, getter)]
    pub fn data(this: &ImageData) -> Object;

    /// Any typed array, or a `DataView`.
    pub type View;

    #[wasm_bindgen(method, getter)]
    pub fn buffer(this: &View) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = byteOffset)]
    pub fn byte_offset(this: &View) -> u32;

    #[wasm_bindgen(method, getter, js_name = byteLength)]
    pub fn byte_length(this: &View) -> u32;

    /// What a message carries: text, or an `ArrayBuffer`, or a `Blob`. Each has a length by another name, and what has none
    /// of that name gives NaN.
    #[derive(Debug)]
    pub type Data;

    #[wasm_bindgen(method, getter, catch)]
    pub fn length(this: &Data) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, getter, catch, js_name = byteLength)]
    pub fn byte_length(this: &Data) -> Result<f64, JsValue>;

    /// What kind of object a value is, as `[object Blob]`.
    #[wasm_bindgen(js_namespace = ["Object", "prototype", "toString"], js_name = call)]
    pub fn tag(value: &JsValue) -> JsValue;

    /// `Uint8Array` whose constructor may throw, as it does for a buffer that was given away.
    #[wasm_bindgen(js_name = Uint8Array)]
    pub type Bytes;

    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    pub fn new(buffer: &JsValue) -> Result<Bytes, JsValue>;

    /// Copies bytes, which must be as many as there is room for.
    #[wasm_bindgen(catch, js_namespace = ["Uint8Array", "prototype", "set"], js_name = call)]
    pub fn copy(destination: &mut [u8], source: &Bytes) -> Result<(), JsValue>;

    pub type TextEncoder;

    /// The UTF-8 of a JavaScript string.
    #[wasm_bindgen(method, catch)]
    pub fn encode(this: &TextEncoder, text: &JsValue) -> Result<Bytes, JsValue>;

    /// Writes as much of a JavaScript string as there is room for. What it returns, how much that is, costs as much as all else.
    #[wasm_bindgen(method, js_name = encodeInto)]
    pub fn encode_into(this: &TextEncoder, text: &JsValue, destination: &mut [u8]);

    pub type MessagePort;

    #[wasm_bindgen(method, setter)]
    pub fn set_onmessage(this: &MessagePort, callback: &Function);

    #[wasm_bindgen(method, js_name = postMessage)]
    pub fn post_message(this: &MessagePort, message: u32);

    /// `Blob` with promises that have a type.
    #[wasm_bindgen(extends = web_sys::Blob)]
    pub type Blob;

    #[wasm_bindgen(method, js_name = arrayBuffer)]
    pub fn array_buffer(this: &Blob) -> Promise<ArrayBuffer>;

    #[wasm_bindgen(method)]
    pub fn text(this: &Blob) -> Promise<js_sys::JsString>;

    /// Windows and workers have it, and Node, whose handle is not a number.
    #[wasm_bindgen(js_name = setTimeout)]
    pub fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    pub fn clear_timeout(handle: &JsValue);
}
