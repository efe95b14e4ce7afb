// Package session is the domain of seshd: what a session is, how it changes, and who may change it.
//
// A session is a flat map of string keys to JSON values with a version that every applied
// mutation raises by exactly one. The promise of this package, whatever store is behind it:
//
//   - a mutation is atomic: all of its operations apply, or none;
//   - an acknowledged mutation is durable, applied once, and told to the feed before its sender hears of it;
//   - what began before a session ended, or before its device was logged out, cannot write afterwards;
//   - a session that was ended never comes back;
//   - nothing is stored for a visitor who writes nothing.
//
// The way of one write through this package: [Manager.Submit] hands a closure to [Store.Update]; the store
// runs it on the newest [Record] ([Record.Mutate], which calls [State.Apply]), commits the record durably,
// tells the feed, and answers. The package knows no network and no driver.
package session
