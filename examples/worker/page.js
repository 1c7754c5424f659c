// The user interface. The worker owns the connection: terminating the worker closes the connection.

const [join, room, say] = ["#join", "#room", "#say"].map(selector => document.querySelector(selector));
const [title, leave, log, problem] = ["h2", "#leave", "#log", "p"].map(selector => room.querySelector(selector));
const [text, button] = say.children;

let worker, name;

const tell = what => {
  problem.textContent = what;
  problem.hidden = !what;
};

const show = isIn => {
  join.hidden = isIn;
  room.hidden = !isIn;
  button.disabled = true;
  log.replaceChildren();
  tell("");
};

const news = {
  open: () => (button.disabled = false),
  heard: said => {
    const line = document.createElement("li"), who = document.createElement("b");
    who.textContent = said.name;
    line.append(who, " ", said.text);
    log.append(line);
  },
  problem: ({ why }) => tell(why),
  unsent: ({ why, said }) => {
    tell(why);
    text.value = said.text; // back into its field
  },
  ended: ({ why }) => {
    tell(why);
    button.disabled = true;
  },
};

join.onsubmit = event => {
  event.preventDefault();
  name = join.elements.name.value;
  title.textContent = join.elements.room.value;
  show(true);
  worker = new Worker("worker.js", { type: "module", name: title.textContent });
  worker.onmessage = ({ data }) => news[data.type](data);
  worker.onerror = () => tell("the worker has failed: see the browser's console");
};

say.onsubmit = event => {
  event.preventDefault();
  worker.postMessage({ name, text: text.value });
  text.value = "";
};

leave.onclick = () => {
  worker.terminate();
  show(false);
};
