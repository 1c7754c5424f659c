/** A queue whose items cost the same however many there are. `shift` and `splice` copy an array of more than 16,000 elements. */

/** @template T */
export class Queue {
  /** @type {(T | undefined)[]} The items from `#head` on. Those before it are dropped, and `undefined`. */
  #items = [];
  #head = 0;

  get length() {
    return this.#items.length - this.#head;
  }

  /** @param {T} item */
  push(item) {
    this.#items.push(item);
  }

  /** Returns the item at `index`, which counts from the oldest one. @param {number} index */
  at(index) {
    return this.#items[this.#head + index];
  }

  /** Removes the oldest item, and returns it. */
  shift() {
    const item = this.at(0);
    this.drop(1);
    return item;
  }

  /** Removes the oldest items. @param {number} count */
  drop(count) {
    const head = Math.min(this.#head + count, this.#items.length);
    this.#items.fill(undefined, this.#head, head);
    this.#head = head;
    // Copies at most as many items as were dropped since the last copy.
    if (this.length > head) return;
    this.#items = this.#items.slice(head);
    this.#head = 0;
  }

  /** @returns {T[]} */
  toArray() {
    return /** @type {T[]} */ (this.#items.slice(this.#head));
  }
}
