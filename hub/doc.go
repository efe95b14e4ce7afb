// Package hub knows who is connected: one room for each session with open tabs, and for each tab what it has been told.
//
// The store is the truth, the hub is a hint. A room hears of changes only from the store's feed and holds the newest committed
// record; where several servers share the store it also looks for itself at what it may not have heard. A tab is the version
// it was told, the tab count it was told, and a way to wake its writer. No tab has a queue: when its writer can take more, it
// asks what changed since the version the tab has, and gets one frame. So a tab that is one version behind and one that is a
// thousand behind cost the same, and tabs converge whatever they missed.
package hub
