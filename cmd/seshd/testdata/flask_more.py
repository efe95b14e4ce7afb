"""Routes that no reader of docs/examples/flask needs, but its tests do."""
import os

from flask import flash, g, get_flashed_messages, jsonify, session

from app import app
from seshd_session import call


@app.get("/look")
def look():
    return jsonify(dict(session))


@app.get("/nested")
def nested():
    session["cart"]["plums"] = session["cart"].get("plums", 0) + 1  # without session.modified
    assert session.modified
    return jsonify(dict(session))


@app.get("/same")
def same():
    session["cart"] = dict(session["cart"])
    session["gone"] = session.pop("gone", 1) and 1
    del session["gone"]
    session.modified = True  # as Flask's own sessions want it
    return jsonify(dict(session))


@app.get("/late")  # seshd is lost between the reading and the writing
def late():
    session["late"] = True
    there, os.environ["SESHD_INTERNAL_ADDR"] = os.environ["SESHD_INTERNAL_ADDR"], "127.0.0.1:9"
    g.restore = lambda: os.environ.update(SESHD_INTERNAL_ADDR=there)
    return "written"


@app.teardown_request
def restore(_):
    g.pop("restore", lambda: None)()


@app.get("/ended")  # by somebody else, between the reading and the writing
def ended():
    session["ended"] = True
    call(f"/v1/sessions/{session.whole['id']}/logout", session.cookie, {"scope": "this"})
    return "written"


@app.get("/enter/<user>")
def enter(user):
    session["draft"] = user
    session.login(user, shared=True, combine={"cart": "sum"})
    session["greeted"] = session.user  # what follows a login is the user's
    return jsonify(dict(session))


@app.get("/leave")
def leave():
    session["left"] = True
    session.logout()
    return jsonify(dict(session))


@app.get("/flash")
def flashed():
    flash("kept under a private key")
    return "flashed"


@app.get("/flashed")
def show_flashed():
    return jsonify(get_flashed_messages())


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]))
