package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// Report is what a run found: figures in an order that a person reads them in. One that is not known is not there.
type Report struct {
	Scenario string
	Figures  []Figure
}

// Figure is one number, by a key that programs read.
type Figure struct {
	Key   string
	Unit  string
	Label string
	Value float64
}

func (r *Report) add(key, unit, label string, value float64) {
	r.Figures = append(r.Figures, Figure{key, unit, label, value})
}

func (r *Report) addTime(key, label string, d time.Duration) {
	r.add(key, "ms", label, float64(d)/float64(time.Millisecond))
}

// MarshalJSON makes one flat object, in the order of the figures.
func (r *Report) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"scenario":%q`, r.Scenario)
	for _, f := range r.Figures {
		fmt.Fprintf(&b, `,%q:%s`, f.Key, strconv.FormatFloat(f.Value, 'f', -1, 64))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Parse reads the figures of a report that was printed as JSON.
func Parse(text []byte) (map[string]float64, error) {
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	figures := make(map[string]float64)
	for key, value := range all {
		if number, ok := value.(float64); ok {
			figures[key] = number
		}
	}
	return figures, nil
}

// Table prints the figures for a person.
func (r *Report) Table(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, f := range r.Figures {
		fmt.Fprintf(table, "%s\t%s\t %s\n", f.Label, Readable(f.Value), f.Unit)
	}
	return table.Flush()
}

// Readable keeps three digits of what is small, and parts the thousands of what is large.
func Readable(v float64) string {
	switch {
	case v < 0:
		return "-" + Readable(-v)
	case v == float64(int64(v)) && v < 1000:
		return strconv.Itoa(int(v))
	case v < 1:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 1000:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
