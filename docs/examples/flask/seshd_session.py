"""Flask sessions that live in seshd: app.session_interface = SeshdSessions()"""
import http.client
import json
import os
from collections import UserDict
from functools import cached_property

from flask import abort
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException, NotFound


def call(path, cookie, body=None):
    """POST to seshd's server API. The browser's Cookie says who is meant."""
    key = os.environ.get("SESHD_API_KEY") or open("data/api-key").read()
    headers = {"Authorization": "Bearer " + key.split(",")[0].strip(), "Cookie": cookie, "Content-Type": "application/json"}
    seshd = http.client.HTTPConnection(os.environ.get("SESHD_INTERNAL_ADDR", "127.0.0.1:8001"), timeout=10)
    try:
        seshd.request("POST", path, body and json.dumps(body), headers)
        answer = seshd.getresponse()
        status, content = answer.status, json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        abort(503, f"seshd does not answer: {error}")  # never an empty session instead
    finally:
        seshd.close()
    if status != 200:
        abort(500 if status == 401 else status, content["detail"])
    return content


def texts(data):
    return {key: json.dumps(value) for key, value in data.items()}


class SeshdSession(UserDict, SessionMixin):
    """The visitor's session: read when a view first looks at it, written by its changes alone."""

    def __init__(self, request):
        # seshd --app names the session. It names none for a moment while a login replaces the cookie.
        self.cookie = request.headers.get("X-Session-Id") and request.headers.get("Cookie")
        self.cleared, self.set_cookie = False, []

    @cached_property
    def whole(self):
        whole = {"id": None, "user": "", "data": {}}  # a guest without a session
        if self.cookie:
            try:
                whole = call("/v1/resolve", self.cookie)
            except NotFound:
                pass
        self.loaded = texts(whole["data"])
        return whole

    accessed = property(lambda self: "whole" in self.__dict__, lambda self, _: None)  # newer Flasks would set it
    data = property(lambda self: self.whole["data"])  # what UserDict makes a dict of
    user = property(lambda self: self.whole["user"])  # who is logged in; "" for a guest
    modified = property(lambda self: bool(self.changes()), lambda self, _: None)  # seen by comparing, so nobody need say it

    def clear(self):  # what others add meanwhile goes too
        self.data.clear()
        self.loaded, self.cleared = {}, True

    def changes(self):
        """The mutation that this request made: what it left alone is not in it."""
        now = texts(self.data)
        made = {
            "clear": self.cleared,
            "delete": [key for key in self.loaded if key not in now],
            "set": {key: self.data[key] for key in now if now[key] != self.loaded.get(key)},
        }
        return {operation: operand for operation, operand in made.items() if operand}

    def save(self):
        changes = self.accessed and self.changes()
        if changes:
            self.loaded, self.cleared = texts(self.data), False
            self._post("", changes)

    def login(self, user, **how):
        """Make the session the user's. Whoever calls this has seen that it is the user."""
        self._renew("/login", {"user": user, **how})

    def logout(self, scope="this"):
        self._renew("/logout", {"scope": scope})

    def _renew(self, verb, body):
        self.save()
        for line in self._post(verb, body)["set_cookie"]:
            self.set_cookie.append(line)
            self.cookie = line.partition(";")[0]
        del self.whole  # read again, it is the user's

    def _post(self, verb, body):
        if not self.whole["id"]:
            abort(409, "there is no session to write to: try again; this app must be behind seshd --app")
        return call(f"/v1/sessions/{self.whole['id']}{verb}", self.cookie, body)


class SeshdSessions(SessionInterface):
    def open_session(self, app, request):
        return SeshdSession(request)

    def save_session(self, app, session, response):
        try:
            session.save()
        except HTTPException as refused:  # so the view's answer is not true
            response.headers.clear()
            response.status_code = 409 if refused.code == 404 else refused.code  # 404: it was ended meanwhile
            response.mimetype = "text/plain"
            response.set_data(refused.description)
        for line in session.set_cookie:
            response.headers.add("Set-Cookie", line)
        if session.accessed:
            response.vary.add("Cookie")
