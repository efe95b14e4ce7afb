package session

import (
	"slices"
	"time"
)

// MaxDevices is how many devices a session lists. A user who logs in everywhere and out nowhere would else grow one
// record without end; beyond it the device that was seen least recently is logged out.
const MaxDevices = 64

// Device is one live token of a session.
type Device struct {
	ID     DeviceID
	Key    TokenKey
	Issued time.Time
	Ends   time.Time
	Seen   time.Time // its last activity that was committed
	Agent  string    // the User-Agent it was last seen with
}

func (d Device) stale(h Handle, now time.Time, t Timing) bool {
	return now.Sub(d.Seen).Abs() > t.Grain || h.Agent != "" && d.Agent == ""
}

// Lists says whether the device is one of the session's and has not reached its end.
func (r *Record) Lists(id DeviceID, now time.Time) bool {
	at := r.device(id)
	return at >= 0 && now.Before(r.Devices[at].Ends)
}

// Handle is that of a listed device; of the only one, where id is zero.
func (r *Record) Handle(id DeviceID) (Handle, bool) {
	at := r.device(id)
	if id == (DeviceID{}) && len(r.Devices) == 1 {
		at = 0
	}
	if at < 0 {
		return Handle{}, false
	}
	d := r.Devices[at]
	return Handle{ID: r.ID, Device: d.ID, Key: d.Key, Issued: d.Issued, Ends: d.Ends, Agent: d.Agent}, true
}

func (r *Record) device(id DeviceID) int {
	return slices.IndexFunc(r.Devices, func(d Device) bool { return d.ID == id })
}

// relist replaces the list of devices on a record that is being made. Those past their end are left out, and so is
// what is over MaxDevices, though never the last, which is the one that has just come.
func (r *Record) relist(devices []Device, now time.Time) {
	r.Epoch++
	r.Devices = slices.DeleteFunc(devices, func(d Device) bool { return !now.Before(d.Ends) })
	for len(r.Devices) > MaxDevices {
		least := 0
		for i, d := range r.Devices[:len(r.Devices)-1] {
			if d.Seen.Before(r.Devices[least].Seen) {
				least = i
			}
		}
		r.Devices = slices.Delete(r.Devices, least, least+1)
	}
	r.bound()
}

// bound ends a session with its last device.
func (r *Record) bound() {
	last := time.Time{}
	for _, d := range r.Devices {
		if d.Ends.After(last) {
			last = d.Ends
		}
	}
	if last.Before(r.Deadline) {
		r.Deadline = last
	}
}

// agent is the User-Agent of a handle, or the one that its device was seen with: a backend that asks for it has none.
func (r *Record) agent(h Handle) string {
	if at := r.device(h.Device); h.Agent == "" && at >= 0 {
		return r.Devices[at].Agent
	}
	return h.Agent
}

// without lists the devices but one.
func (r *Record) without(id DeviceID) []Device {
	return slices.DeleteFunc(slices.Clone(r.Devices), func(d Device) bool { return d.ID == id })
}
