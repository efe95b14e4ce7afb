package web_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package where a server that was stopped leaves a goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
