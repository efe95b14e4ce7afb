package web

import (
	_ "embed"
	"net/http"
)

// description is the server API in OpenAPI 3.1, for whoever generates a client. It is written by hand; the black-box
// tests hold every answer of a real server against it.
//
//go:embed openapi.json
var description []byte

func (a *App) describeAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", typeJSON)
	w.Write(description)
}
