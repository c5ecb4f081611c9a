// Express: one event loop, libuv's four workers behind it.
"use strict";
const express = require("express");
const zoo = require("./truth.js");

const app = express();

app.get("/readFile/:ms/:id", async (request, response) => {
  const { ms, id } = request.params;
  const { text, header } = await zoo.timed("awaiting", () => zoo.readFileCallback(ms, id));
  response.set("X-Truth", header).type("text").send(text);
});

app.get("/readFileSync/:ms/:id", (request, response) => {
  const { ms, id } = request.params;
  const { text, header } = zoo.timedSync("blocked", () => zoo.readFileSync(ms, id));
  response.set("X-Truth", header).type("text").send(text);
});

app.get("/upstream/:ms/:id", async (request, response) => {
  const { ms, id } = request.params;
  const { text, header } = await zoo.timed("awaiting", () => zoo.ask(ms, id));
  response.set("X-Truth", header).type("text").send(text);
});

const server = app.listen(zoo.port, "127.0.0.1", () =>
  zoo.listening("express", server.address().port),
);
