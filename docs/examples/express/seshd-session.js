// Express sessions that live in seshd: app.use(sessions())
import { readFileSync } from "node:fs";

const refusal = (status, message, cause) => Object.assign(new Error(message, { cause }), { status });

// POST to seshd's server API. The browser's Cookie says who is meant.
async function call(path, cookie, body) {
  const key = process.env.SESHD_API_KEY || readFileSync("data/api-key", "utf8");
  const headers = { authorization: `Bearer ${key.split(",")[0].trim()}`, cookie, "content-type": "application/json" };
  let answer, content;
  try {
    answer = await fetch(`http://${process.env.SESHD_INTERNAL_ADDR || "127.0.0.1:8001"}${path}`, {
      method: "POST", headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10_000),
    });
    content = await answer.json();
  } catch (error) {
    throw refusal(503, "seshd does not answer", error); // never an empty session instead
  }
  if (!answer.ok) throw refusal(answer.status === 401 ? 500 : answer.status, content.detail);
  return content;
}

export const sessions = () => async (req, res, next) => {
  // seshd --app names the session. It names none for a moment while a login replaces the cookie.
  let cookie = req.get("X-Session-Id") && req.get("Cookie");
  let id, loaded, before;

  const load = async () => {
    const guest = { data: {}, user: "" };
    const orGuest = (error) => { if (error.status === 404) return guest; throw error; };
    const whole = cookie ? await call("/v1/resolve", cookie).catch(orGuest) : guest;
    ({ id, data: loaded, user: req.user } = whole);
    before = Object.fromEntries(Object.entries(loaded).map(([key, value]) => [key, JSON.stringify(value)]));
    req.session = loaded;
  };
  const post = (verb, body) => {
    if (!id) throw refusal(409, "there is no session to write to: try again; this app must be behind seshd --app");
    return call(`/v1/sessions/${id}${verb}`, cookie, body);
  };
  // Only what this request changed. A whole new req.session clears the old one.
  const save = async () => {
    const clear = req.session !== loaded;
    const set = Object.entries(req.session).filter(([key, value]) => clear || JSON.stringify(value) !== before[key]);
    const gone = Object.keys(before).filter((key) => !clear && req.session[key] === undefined);
    if (clear || set.length || gone.length) await post("", { clear, set: Object.fromEntries(set), delete: gone });
  };
  const renew = (verb) => async (body) => {
    await save();
    for (const line of (await post(verb, body)).set_cookie) {
      res.append("Set-Cookie", line);
      cookie = line.split(";")[0];
    }
    await load(); // it is the user's now
  };

  await load();
  req.login = renew("/login");
  req.logout = renew("/logout");
  const end = res.end;
  res.end = (...args) => { // no answer before what it says is on disk
    res.end = end;
    save().then(() => res.end(...args), (error) => {
      if (res.headersSent) return res.destroy(error); // whoever streams an answer must not write to the session
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      res.status(error.status === 404 ? 409 : error.status ?? 500).type("text").send(error.message); // 404: it was ended meanwhile
    });
    return res;
  };
  next();
};
