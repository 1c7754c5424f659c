//! Bindings that `web_sys` lacks, or has in a form that loses information or costs more.

use js_sys::{Array, ArrayBuffer, Function, Object, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Reads a property of an object; `None` if it is `undefined` or `null`.
    ///
    /// For properties that are read rarely: one import for all properties makes the download smaller than an import for each.
    #[wasm_bindgen(js_namespace = Reflect)]
    pub fn get(object: &JsValue, name: &str) -> Option<JsValue>;

    /// Reads a property as a number, as JavaScript converts it.
    #[wasm_bindgen(js_namespace = Reflect, js_name = get)]
    pub fn get_number(object: &JsValue, name: &str) -> f64;

    /// Calls a constructor. If an imported constructor throws, wasm-bindgen 0.2.130 leaks the slot of the result; an `Option`
    /// takes no slot.
    #[wasm_bindgen(catch, js_namespace = Reflect)]
    pub fn construct(constructor: &JsValue, arguments: &Array) -> Result<Option<JsValue>, JsValue>;

    /// Returns an array with the arguments of a constructor.
    #[wasm_bindgen(js_namespace = Array, js_name = of)]
    pub fn array_of(first: &str, second: Option<Array>) -> Array;

    /// Fills the array with random bytes. Throws where there is no `crypto`.
    #[cfg(feature = "session")]
    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    pub fn get_random_values(array: &js_sys::Uint8Array) -> Result<(), JsValue>;

    /// `EventTarget`, whose methods throw only for arguments of a wrong type.
    pub type EventTarget;

    #[wasm_bindgen(method, js_name = addEventListener)]
    pub fn add_event_listener(this: &EventTarget, name: &str, callback: &Function);

    #[wasm_bindgen(method, js_name = removeEventListener)]
    pub fn remove_event_listener(this: &EventTarget, name: &str, callback: &Function);

    /// The `WebSocket` of `web_sys` with more members.
    #[wasm_bindgen(extends = web_sys::WebSocket)]
    #[derive(Clone, Debug)]
    pub type WebSocket;

    /// Returns the number of unsent bytes: 64 bits by the standard, which `web_sys` truncates to 32.
    #[wasm_bindgen(method, getter, js_name = bufferedAmount)]
    pub fn buffered_amount(this: &WebSocket) -> f64;

    /// Sends any kind of object that `send` accepts.
    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_object(this: &WebSocket, object: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_str(this: &WebSocket, text: &str) -> Result<(), JsValue>;

    /// Sends a view of wasm memory. A browser copies the bytes before it returns.
    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_bytes(this: &WebSocket, bytes: &[u8]) -> Result<(), JsValue>;

    /// Closes the socket. Without arguments, `close` never throws.
    #[wasm_bindgen(method, js_name = close)]
    pub fn close(this: &WebSocket);

    #[wasm_bindgen(method, catch, js_name = close)]
    pub fn close_with(this: &WebSocket, code: u16, reason: &str) -> Result<(), JsValue>;

    /// Sets the type by its name, since an enum would add a table to the glue.
    #[wasm_bindgen(method, setter, js_name = binaryType)]
    pub fn set_binary_type(this: &WebSocket, binary_type: &str);

    /// A method without its object.
    pub type Method;

    /// Returns a function that calls the method on `object` with these two arguments first.
    #[wasm_bindgen(method)]
    pub fn bind(this: &Method, object: &WebSocket, code: u16, reason: &str) -> Function;

    /// `ImageData` whose pixels stay in JavaScript; `web_sys` copies them into wasm memory.
    pub type ImageData;

    #[wasm_bindgen(method, getter)]
    pub fn data(this: &ImageData) -> Object;

    /// Any typed array, or a `DataView`.
    pub type View;

    #[wasm_bindgen(method, getter)]
    pub fn buffer(this: &View) -> JsValue;

    // Of a `DataView`, both throw if the buffer was transferred.
    #[wasm_bindgen(method, getter, catch, js_name = byteOffset)]
    pub fn byte_offset(this: &View) -> Result<u32, JsValue>;

    #[wasm_bindgen(method, getter, catch, js_name = byteLength)]
    pub fn byte_length(this: &View) -> Result<u32, JsValue>;

    /// The data of a message: text, an `ArrayBuffer` or a `Blob`. Each kind has its length in another property. A missing
    /// property reads as NaN.
    #[derive(Debug)]
    pub type Data;

    #[wasm_bindgen(method, getter, catch)]
    pub fn length(this: &Data) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, getter, catch, js_name = byteLength)]
    pub fn byte_length(this: &Data) -> Result<f64, JsValue>;

    /// Returns the kind of an object, such as `[object Blob]`.
    #[wasm_bindgen(js_namespace = ["Object", "prototype", "toString"], js_name = call)]
    pub fn tag(value: &JsValue) -> JsValue;

    /// Returns whether the text of a value includes `part`. The text of a function that the platform implements is
    /// `function name() { [native code] }`.
    #[wasm_bindgen(js_namespace = ["String", "prototype", "includes"], js_name = call)]
    pub fn includes(value: &JsValue, part: &str) -> bool;

    /// `Uint8Array`, whose constructor throws for a buffer that was transferred.
    #[wasm_bindgen(js_name = Uint8Array)]
    pub type Bytes;

    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    pub fn new(buffer: &JsValue) -> Result<Bytes, JsValue>;

    /// Copies `source` into `destination`. Both must have the same length.
    #[wasm_bindgen(catch, js_namespace = ["Uint8Array", "prototype", "set"], js_name = call)]
    pub fn copy(destination: &mut [u8], source: &Bytes) -> Result<(), JsValue>;

    pub type TextEncoder;

    /// Encodes a JavaScript string as UTF-8.
    #[wasm_bindgen(method, catch)]
    pub fn encode(this: &TextEncoder, text: &JsValue) -> Result<Bytes, JsValue>;

    /// Encodes a JavaScript string as UTF-8 into `destination`, as far as it fits. The binding ignores the returned counts:
    /// reading them costs as much as the rest of the call.
    #[wasm_bindgen(method, js_name = encodeInto)]
    pub fn encode_into(this: &TextEncoder, text: &JsValue, destination: &mut [u8]);

    pub type MessagePort;

    #[wasm_bindgen(method, setter)]
    pub fn set_onmessage(this: &MessagePort, callback: &Function);

    #[wasm_bindgen(method, js_name = postMessage)]
    pub fn post_message(this: &MessagePort, message: u32);

    /// `Blob` whose promises have types.
    #[wasm_bindgen(extends = web_sys::Blob)]
    pub type Blob;

    #[wasm_bindgen(method, js_name = arrayBuffer)]
    pub fn array_buffer(this: &Blob) -> Promise<ArrayBuffer>;

    #[wasm_bindgen(method)]
    pub fn text(this: &Blob) -> Promise<js_sys::JsString>;

    /// Sets a timer; exists in windows, workers and Node. Node's handle is not a number.
    #[wasm_bindgen(js_name = setTimeout)]
    pub fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    pub fn clear_timeout(handle: &JsValue);
}
