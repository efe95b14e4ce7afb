// Routes that no reader of docs/examples/express needs, but its tests do.
import assert from "node:assert";
import express from "express";
import { sessions } from "./seshd-session.js";

const app = express();
app.use(sessions());

app.get("/look", (req, res) => res.json(req.session));

app.get("/nested", (req, res) => {
  req.session.cart.plums = (req.session.cart.plums ?? 0) + 1;
  res.json(req.session);
});

app.get("/same", (req, res) => {
  req.session.cart = { ...req.session.cart };
  req.session.gone = 1;
  delete req.session.gone;
  res.json(req.session);
});

app.get("/late", (req, res) => { // seshd is lost between the reading and the writing
  req.session.late = true;
  const there = process.env.SESHD_INTERNAL_ADDR;
  process.env.SESHD_INTERNAL_ADDR = "127.0.0.1:9";
  res.on("close", () => { process.env.SESHD_INTERNAL_ADDR = there; });
  res.send("written");
});

app.get("/ended", async (req, res) => { // by somebody else, between the reading and the writing
  req.session.ended = true;
  const answer = await fetch(`http://${process.env.SESHD_INTERNAL_ADDR}/v1/sessions/${req.get("X-Session-Id")}/logout`, {
    method: "POST", headers: { authorization: `Bearer ${process.env.SESHD_API_KEY}`, cookie: req.get("Cookie") },
  });
  assert(answer.ok);
  res.send("written");
});

app.get("/enter/:user", async (req, res) => {
  req.session.draft = req.params.user;
  await req.login({ user: req.params.user, shared: true, combine: { cart: "sum" } });
  req.session.greeted = req.user; // what follows a login is the user's
  res.json(req.session);
});

app.get("/leave", async (req, res) => {
  req.session.left = true;
  await req.logout({ scope: "this" });
  res.json(req.session);
});

app.listen(process.env.PORT, "127.0.0.1");
