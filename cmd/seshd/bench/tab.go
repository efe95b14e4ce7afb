package bench

// tab is one connection to the server.
type tab struct {
	board *board
	index int32 // in the board
	link  link
	rest  []byte // the beginning of a frame, whose end has not come
	out   []byte // what the connection has not taken yet

	joined bool   // the first frame has come
	told   uint64 // the version that the frames so far lead to
}

// send writes a frame, or keeps what the connection does not take now.
func (t *tab) send(frame []byte) error {
	if len(t.out) > 0 {
		t.out = append(t.out, frame...)
		return t.flush()
	}
	n, err := t.link.write(frame)
	if n < len(frame) {
		t.out = append(t.out, frame[n:]...)
	}
	return err
}

func (t *tab) flush() error {
	n, err := t.link.write(t.out)
	t.out = append(t.out[:0], t.out[n:]...)
	return err
}
