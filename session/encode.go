package session

// AppendEntries appends a JSON object of the entries that visible admits; nil admits all.
func AppendEntries(b []byte, entries []Entry, visible func(key string) bool) []byte {
	b = append(b, '{')
	first := true
	for _, e := range entries {
		if visible != nil && !visible(e.Key) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendKey(b, e.Key), ':')
		b = append(b, e.Value...)
	}
	return append(b, '}')
}

// AppendKeys appends a JSON array of the keys that visible admits; nil admits all.
func AppendKeys(b []byte, keys []string, visible func(key string) bool) []byte {
	b = append(b, '[')
	first := true
	for _, key := range keys {
		if visible != nil && !visible(key) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendKey(b, key)
	}
	return append(b, ']')
}

// appendKey quotes a key, which is valid UTF-8 without control characters, so only two need an escape.
func appendKey(b []byte, key string) []byte {
	b = append(b, '"')
	for i := 0; i < len(key); i++ {
		if key[i] == '"' || key[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, key[i])
	}
	return append(b, '"')
}
