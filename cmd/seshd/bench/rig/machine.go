package rig

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine says on what this runs, as far as the system tells.
func Machine() string {
	text := fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if kernel, err := exec.Command("uname", "-r").Output(); err == nil {
		version, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-") // what follows names a build
		text += ", kernel " + version
	}
	info, _ := os.ReadFile("/proc/cpuinfo") // not there: not told
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value) + ", " + text
		}
	}
	return text
}
