// Package docs holds the page of this directory that the server itself serves: what each error means.
package docs

import _ "embed"

// Troubleshoot is troubleshoot.md. The type of a problem (RFC 9457) leads to the heading that its code has there.
//
//go:embed troubleshoot.md
var Troubleshoot string
