/** A network that loses connections: a TCP proxy that cuts each connection after some bytes, or stalls it first. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Network {
  cuts = 0;
  /** Whether the network cuts no more connections. */
  isQuiet = false;

  #random;
  #target;
  #server = createServer((client) => this.#relay(client));
  #sockets = new Set();

  constructor(target, random) {
    this.#target = target;
    this.#random = random;
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `ws://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(client) {
    const server = connect(this.#target, '127.0.0.1');
    const ends = [client, server];
    for (const end of ends) {
      this.#sockets.add(end);
      end.setNoDelay(true);
      end.on('error', () => {});
      end.on('close', () => {
        this.#sockets.delete(end);
        ends.forEach((other) => other.destroy());
      });
    }
    const fault = this.#fault();
    this.#pipe(client, server, ends, fault);
    this.#pipe(server, client, ends, fault);
  }

  /** Returns the fault of a connection, with the number of bytes of both directions together after which it strikes. */
  #fault() {
    const { below, chance } = this.#random;
    // The HTTP handshake is about 400 bytes: some connections do not open, and some end before HELLO.
    const bytes = chance(0.3) ? below(1_200) : below(12_000);
    return { bytes, stall: chance(0.3) ? below(15) : 0, goesOn: chance(0.3), cut: undefined };
  }

  #pipe(from, to, ends, fault) {
    from.on('data', (chunk) => {
      // The other direction may continue until both ends detect the cut.
      if (fault.cut !== undefined) return fault.goesOn && fault.cut !== from && to.write(chunk);
      if (this.isQuiet) return to.write(chunk);
      to.write(chunk.subarray(0, fault.bytes));
      fault.bytes -= chunk.length;
      if (fault.bytes <= 0) this.#cut(from, ends, fault);
      return undefined;
    });
  }

  #cut(from, ends, fault) {
    fault.cut = from;
    this.cuts += 1;
    setTimeout(() => ends.forEach((end) => end.destroy()), fault.stall);
  }
}
