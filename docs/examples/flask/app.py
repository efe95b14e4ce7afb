import os
from time import sleep

from flask import Flask, jsonify, redirect, request, send_file, session

from seshd_session import SeshdSessions

app = Flask(__name__)
app.session_interface = SeshdSessions()  # the one line more; SECRET_KEY is not needed


@app.get("/")
def hello():
    session["start"] = True
    return "hello"


@app.get("/cherries")
def cherries():
    session["fruit"] = "cherries"
    return jsonify(response="cherries", session=dict(session))


@app.get("/blueberries")
def blueberries():
    session["fruit"] = "blueberries"
    return jsonify(response="blueberries", session=dict(session))


@app.get("/destroy-session")
def destroy_session():
    session.clear()
    return jsonify(response="session destroyed", session=dict(session))


# The shop: a cart that is the same in every tab, and still there after registering.


@app.get("/shop")
def shop():
    return send_file("shop.html")


@app.post("/register")
@app.post("/login")
def login():
    # Your check of the password belongs here.
    session.login(request.form["user"], shared=True, combine={"cart": "sum"})
    return redirect("/shop", code=303)


@app.post("/logout")
def logout():
    session.logout()
    return redirect("/shop", code=303)


@app.post("/like/<fruit>")
def like(fruit):
    session["like." + fruit] = True
    sleep(0.005)  # as long as a query of a database takes; of many at once, none is lost
    return jsonify(user=session.user, liked=fruit)


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", 5000)))
