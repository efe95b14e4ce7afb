// Package connect is the terminal's tab behind "seshd connect": a client of the public protocol for people and for scripts.
//
// What a line does is certain. A line is sent once the session is there, a mutation without an id gets one, and under the
// client that the connection names the server applies it once, however often a connection breaks in between. The end waits
// for the answers, and the exit code says what they were.
//
// Secrets stay where they are: a cookie comes from a file or from the environment, and neither it nor a ticket is ever
// printed, in an error neither.
package connect
