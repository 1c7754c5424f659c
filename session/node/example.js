import { createServer } from 'node:http';
import { Lost, SessionServer } from 'websocket-session-node';

/** Your application looks into a database instead, or at the cookies of `request`. */
const users = new Map([['the password of Anna', 'anna']]);

const server = createServer();

new SessionServer(
  { server, authenticate: ({ credentials }) => users.get(credentials) },
  // Runs once per session, however often the client connects.
  async (session) => {
    try {
      for await (const message of session) {
        // Waits while the client is slow or disconnected.
        await session.send(`${session.principal} said ${message}`);
      }
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      console.log(`${session.principal} is gone and may have missed`, error.unacknowledged);
    }
  },
);

server.listen(process.env.PORT ?? 8080, () => console.log('listening on port', server.address().port));
