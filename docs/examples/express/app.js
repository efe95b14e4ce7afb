import { setTimeout } from "node:timers/promises";
import express from "express";
import { sessions } from "./seshd-session.js";

const app = express();
app.get("/shop", (req, res) => res.sendFile("shop.html", { root: new URL(".", import.meta.url).pathname }));
app.use(sessions(), express.urlencoded());

app.get("/", (req, res) => {
  req.session.start = true;
  res.send("hello");
});

for (const fruit of ["cherries", "blueberries"]) {
  app.get(`/${fruit}`, (req, res) => {
    req.session.fruit = fruit;
    res.json({ response: fruit, session: req.session });
  });
}

app.get("/destroy-session", (req, res) => {
  req.session = {};
  res.json({ response: "session destroyed", session: req.session });
});

app.post(["/register", "/login"], async (req, res) => {
  // Your check of the password belongs here.
  await req.login({ user: req.body.user, shared: true, combine: { cart: "sum" } });
  res.redirect(303, "/shop");
});

app.post("/logout", async (req, res) => {
  await req.logout({ scope: "this" });
  res.redirect(303, "/shop");
});

app.post("/like/:fruit", async (req, res) => {
  req.session[`like.${req.params.fruit}`] = true;
  await setTimeout(5); // as long as a query of a database takes; of many at once, none is lost
  res.json({ user: req.user, liked: req.params.fruit });
});

app.listen(process.env.PORT ?? 3000, "127.0.0.1");
