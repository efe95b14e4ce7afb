package session

import "runtime/debug"

// release is set by -ldflags "-X github.com/seshd/seshd/session.release=v1.2.3" where the build has no repository to ask, as in a container.
var release string

const module = "github.com/seshd/seshd"

// Release names this seshd in what it writes for others to read: a tag, a pseudo-version with the commit, or (devel).
func Release() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == module && m.Version != "" {
				return m.Version
			}
		}
	}
	return "(devel)"
}
