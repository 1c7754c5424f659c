// A chat in TypeScript. The room owns the connection: leaving the room closes the connection.

import "../../style.css";
import { find } from "./find.ts";
import { Room } from "./room.ts";

const door = find(document, "form", HTMLFormElement);

door.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(door);
  const room = new Room(String(fields.get("name")), String(fields.get("room")));
  room.addEventListener("leave", () => room.replaceWith(door));
  door.replaceWith(room);
});
