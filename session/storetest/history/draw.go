package history

import (
	"fmt"
	"math/rand/v2"
)

// Draw draws a mutation. mark is a number that no other mutation of the history has, so that whatever is written can be told
// from all else; version is the newest that the client knows of.
func Draw(random *rand.Rand, mark int, version uint64) string {
	kinds := []func() string{
		func() string { return fmt.Sprintf(`{"set":{"a":%d}}`, mark) },
		func() string { return fmt.Sprintf(`{"set":{"b":%d},"delete":["a"]}`, mark) },
		func() string { return `{"incr":{"n":1}}` },
		func() string { return fmt.Sprintf(`{"append":{"log":[%d]}}`, mark) },
		func() string { return fmt.Sprintf(`{"append":{"log":[%d]},"incr":{"n":2}}`, mark) },
		func() string { return fmt.Sprintf(`{"merge":{"m":{"x":%d,"y":null}}}`, mark) },
		func() string { return fmt.Sprintf(`{"merge":{"m":{"y":{"z":%d}},"a":null}}`, mark) },
		func() string { return fmt.Sprintf(`{"set":{"a":%d},"if_version":%d}`, mark, version) },
		func() string { return fmt.Sprintf(`{"append":{"log":[%d]},"if_version":%d}`, mark, version) },
		func() string { return `{"delete":["b","log"]}` },
		func() string { return fmt.Sprintf(`{"clear":true,"set":{"c":%d}}`, mark) },
		func() string { return fmt.Sprintf(`{"append":{"a":[%d]}}`, mark) }, // not_an_array, if a is there
		func() string { return `{"incr":{"log":1}}` },                       // not_a_number, if log is there
		func() string { return `{}` },
	}
	return kinds[random.IntN(len(kinds))]()
}
