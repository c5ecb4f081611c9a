// Fastify: the same service as express.js; fs.promises in place of callbacks.
"use strict";
const fastify = require("fastify")();
const zoo = require("./truth.js");

fastify.get("/readFile/:ms/:id", async (request, reply) => {
  const { ms, id } = request.params;
  const { text, header } = await zoo.timed("awaiting", () => zoo.readFile(ms, id));
  return reply.header("X-Truth", header).type("text/plain").send(text);
});

fastify.get("/readFileSync/:ms/:id", (request, reply) => {
  const { ms, id } = request.params;
  const { text, header } = zoo.timedSync("blocked", () => zoo.readFileSync(ms, id));
  reply.header("X-Truth", header).type("text/plain").send(text);
});

fastify.get("/upstream/:ms/:id", async (request, reply) => {
  const { ms, id } = request.params;
  const { text, header } = await zoo.timed("awaiting", () => zoo.ask(ms, id));
  return reply.header("X-Truth", header).type("text/plain").send(text);
});

fastify.listen({ port: zoo.port, host: "127.0.0.1" }).then(() =>
  zoo.listening("fastify", fastify.server.address().port),
);
