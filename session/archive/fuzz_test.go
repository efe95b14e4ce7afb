package archive_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/archive"
)

// Whatever is read is refused with the number of the line, or is written again as it was read.
func FuzzRead(f *testing.F) {
	sample, err := os.ReadFile(presentSample)
	if err != nil {
		f.Fatal(err)
	}
	text := strings.ReplaceAll(string(sample), "blueberries ", "") // small inputs are tried more often
	whole := strings.SplitAfter(text, "\n")
	f.Add(text)
	f.Add(whole[0] + `{"end":{"sessions":0,"tokens":0}}` + "\n")
	f.Add(whole[0] + whole[1] + `{"end":{"sessions":0,"tokens":1}}` + "\n")
	f.Add(whole[0] + whole[2])
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		first := &shelf{}
		counts, err := archive.Read(context.Background(), strings.NewReader(text), first)
		if err != nil {
			if session.CodeOf(err) != session.BadRequest || !strings.Contains(err.Error(), "line ") {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if counts.Imported+counts.Tokens != len(first.things) {
			t.Errorf("%+v of %d", counts, len(first.things))
		}
		var again strings.Builder
		if err := archive.Write(context.Background(), &again, first); err != nil {
			return // JSON has no words for some years
		}
		second := &shelf{}
		if _, err := archive.Read(context.Background(), strings.NewReader(again.String()), second); err != nil {
			t.Fatalf("%v, of %s", err, &again)
		}
		same := cmp.Options{cmpopts.EquateEmpty(), cmpopts.SortSlices(earlier), cmp.AllowUnexported(session.State{}), cmpopts.EquateApproxTime(time.Millisecond)}
		if diff := cmp.Diff(first.things, second.things, same); diff != "" {
			t.Error(diff)
		}
	})
}
