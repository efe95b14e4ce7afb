package archive_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/archive"
	"github.com/seshd/seshd/session/storetest"
)

// The samples are what a released seshd wrote, so this is for a format that none has written yet.
var writeSamples = flag.Bool("write-samples", false, "write the sample of the present format anew")

const presentSample = "testdata/export_format1.ndjson"

// What every released seshd exported can be imported, and what is exported now reads as it did.
func TestSamples(t *testing.T) {
	tokens, sessions := storetest.Sample()
	want := append(tokens, sessions...)
	now := write(t, &shelf{things: want})
	if *writeSamples {
		if err := os.WriteFile(presentSample, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob("testdata/export_format*.ndjson")
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		to := &shelf{}
		if counts, err := archive.Read(context.Background(), strings.NewReader(string(text)), to); err != nil || counts != (archive.Counts{Imported: 2, Tokens: 1}) {
			t.Errorf("%s: %+v, %v", name, counts, err)
		}
		if diff := cmp.Diff(want, to.things, cmpopts.SortSlices(earlier), cmpopts.EquateEmpty(), cmp.AllowUnexported(session.State{}), cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
		if _, rest, _ := strings.Cut(string(text), "\n"); name == presentSample && !strings.HasSuffix(now, "\n"+rest) {
			t.Errorf("what is exported now is\n%s\nand was\n%s", now, text)
		}
	}
}

// earlier is an order of what was imported, which may have overtaken each other.
func earlier(a, b session.Saved) bool { return fmt.Sprint(a.ID()) < fmt.Sprint(b.ID()) }
