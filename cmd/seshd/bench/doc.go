// Package bench is the load generator behind "seshd bench". It drives any running server over the public protocol alone,
// and for comparison one that speaks Centrifuge's.
//
// A delivery is one change frame that reached one tab, the writer's own among them. A change that came folded into a later
// frame is counted apart, as folded, so that at the end of a run
//
//	writes × tabs of a session = deliveries + folded
//
// Latency is that of every change, folded ones too, from just before its write (in an open loop: from the moment the write
// was due) until it arrived at a tab other than the writer's.
//
// Client and server share a small machine, so the client is cheap: on Linux one thread and one epoll instance for all
// tabs, frames made without masking work, and of what arrives only type and versions are read.
package bench
