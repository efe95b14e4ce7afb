//go:build !unix

package web

const canPark = false

func readable(uintptr) bool { return true }
