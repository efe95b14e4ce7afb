import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { session } from "./session";
import { useSession } from "./useSession";

function Fruit() {
  const fruit = useSession(session, ({ data }) => data.fruit ?? "none yet");
  return (
    <p>
      Fruit: <output id="fruit">{fruit}</output>{" "}
      {["cherries", "blueberries"].map((name) => (
        <button key={name} data-fruit={name} onClick={() => session.set("fruit", name)}>{name}</button>
      ))}
    </p>
  );
}

function Visits() {
  const visits = useSession(session, ({ data }) => data.visits ?? 0);
  return <p>Visits: <output id="visits">{visits}</output> <button id="visit" onClick={() => session.incr("visits")}>one more</button></p>;
}

function Demo() {
  const [shown, show] = useState(true);
  const { status, tabs } = useSession(session, ({ status, tabs }) => ({ status, tabs }));
  return (
    <>
      <h1>React</h1>
      {shown && <><Fruit /><Visits /></>}
      <p id="status">{status}, {tabs} tabs</p>
      <button id="toggle" onClick={() => show(!shown)}>{shown ? "Hide" : "Show"}</button>
    </>
  );
}

createRoot(document.querySelector("#demo")!).render(<StrictMode><Demo /></StrictMode>);
