/** The connections that serve no session, by address: their HELLO was not accepted yet, or they are closing. */

export class Crowd {
  /** @type {Map<object, string>} */
  #addresses = new Map();
  /** @type {Map<string, number>} */
  #counts = new Map();

  /** @param {object} connection @param {string} address */
  add(connection, address) {
    if (this.#addresses.has(connection)) return;
    this.#addresses.set(connection, address);
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }

  /** @param {object} connection */
  delete(connection) {
    const address = this.#addresses.get(connection);
    if (address === undefined) return;
    this.#addresses.delete(connection);
    const count = (this.#counts.get(address) ?? 1) - 1;
    if (count === 0) this.#counts.delete(address);
    else this.#counts.set(address, count);
  }

  /** @param {{connections: number, connectionsPerAddress: number}} limits @param {string} address */
  exceeds({ connections, connectionsPerAddress }, address) {
    return this.#addresses.size > connections || (this.#counts.get(address) ?? 0) > connectionsPerAddress;
  }
}
