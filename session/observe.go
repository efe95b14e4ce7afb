package session

import "time"

// Observer hears of what a Manager does. None of its functions may block.
type Observer struct {
	// Answered hears of every mutation that was answered, and how long that took.
	Answered func(s Submission, result Result, err error, took time.Duration)
	// Lived hears of what became of sessions, in the words of the story.
	Lived func(cause Cause, times int)
}

// Observe sets the observer, for metrics.
func (m *Manager) Observe(o Observer) { m.observe.Store(&o) }

// lived tells the observer of what a step that was committed did to sessions.
func (m *Manager) lived(step Step) {
	o := m.observe.Load()
	if o == nil {
		return
	}
	for _, life := range step.Lives(time.Now()) {
		o.Lived(life.Cause, 1)
	}
}
