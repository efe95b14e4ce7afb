package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	testTiming = Timing{Idle: time.Hour, Grain: time.Minute}
	testStart  = time.UnixMilli(1_700_000_000_000)
)

func testWrite(id uint64, text string) Write {
	m, err := DecodeMutation([]byte(text))
	if err != nil {
		panic(err)
	}
	m.ID = id
	token := Token{1, 2, 3}
	return Write{
		Handle: token.handle(testStart, 24*time.Hour), By: ByTab, Sender: SenderID{9}, Mutation: &m,
		Timing: testTiming, Now: testStart, Senders: minSenders,
	}
}

func mustMutate(t testing.TB, r *Record, w Write) *Record {
	t.Helper()
	next, duplicate, err := r.Mutate(w)
	if err != nil || duplicate {
		t.Fatalf("Mutate: duplicate %v, %v", duplicate, err)
	}
	return next
}

// TestOnce plays random re-sends against a memory that forgets nothing.
func TestOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var r *Record
	applied := map[uint64]bool{}
	highest := uint64(0)
	for range 2000 {
		id := highest + 1 + random.Uint64N(3)
		if random.IntN(3) == 0 && highest > 0 {
			id = highest - min(highest-1, random.Uint64N(onceWindow))
		}
		refused := random.IntN(4) == 0
		text := `{"incr":{"n":1}}`
		if refused {
			text = `{"if_version":1000000}`
		}
		next, duplicate, err := r.Mutate(testWrite(id, text))
		switch {
		case applied[id]:
			if !duplicate || next != r {
				t.Fatalf("id %d was applied, its re-send: duplicate %v, %v", id, duplicate, err)
			}
		case id <= highest:
			if CodeOf(err) != NotApplied || next != r {
				t.Fatalf("id %d at or below %d was not applied, its re-send: %v", id, highest, err)
			}
		case refused:
			if CodeOf(err) != Conflict {
				t.Fatalf("want a conflict, got %v", err)
			}
		default:
			if err != nil || duplicate {
				t.Fatalf("new id %d: duplicate %v, %v", id, duplicate, err)
			}
			applied[id], highest, r = true, id, next
		}
	}
	if got := string(r.State.Entries[0].Value); got != fmt.Sprint(len(applied)) {
		t.Errorf("n is %s after %d applied", got, len(applied))
	}
}

// TestOnceNoChange: a mutation that changed nothing counts as applied; a re-send must not do what it would do by now.
func TestOnceNoChange(t *testing.T) {
	r := mustMutate(t, nil, testWrite(1, `{"delete":["a"]}`))
	r = mustMutate(t, r, testWrite(2, `{"set":{"a":1}}`))
	next, duplicate, err := r.Mutate(testWrite(1, `{"delete":["a"]}`))
	if next != r || !duplicate || err != nil {
		t.Errorf("re-send of a no-op: changed %v, duplicate %v, %v", next != r, duplicate, err)
	}
}

func TestOnceForgetsTheLeastRecentSender(t *testing.T) {
	var r *Record
	for i := range minSenders + 1 {
		w := testWrite(1, `{"incr":{"n":1}}`)
		w.Sender = SenderID{byte(i), 1}
		r = mustMutate(t, r, w)
		w.Mutation.ID = 2
		w.Sender = SenderID{0, 1} // stays recent
		if i > 0 {
			w.Mutation.ID = uint64(i + 1)
			r = mustMutate(t, r, w)
		}
	}
	if len(r.Senders) != minSenders || r.sender(SenderID{0, 1}) < 0 || r.sender(SenderID{1, 1}) >= 0 {
		t.Errorf("%d senders kept, recent kept %v, least recent kept %v", len(r.Senders), r.sender(SenderID{0, 1}) >= 0, r.sender(SenderID{1, 1}) >= 0)
	}
}

// TestNothingStoredForNothing: what changes nothing, and names no client, leaves a visitor unwritten.
func TestNothingStoredForNothing(t *testing.T) {
	w := testWrite(0, `{"delete":["a"]}`)
	w.Sender = SenderID{}
	var none *Record
	if next, _, err := none.Mutate(w); next != nil || err != nil {
		t.Errorf("Mutate gave %v, %v, want nothing to store", next, err)
	}
}

func TestAdmit(t *testing.T) {
	r := mustMutate(t, nil, testWrite(1, `{"set":{"a":1}}`))
	h := testWrite(1, `{}`).Handle
	other := Token{4}.handle(testStart, 24*time.Hour)
	other.ID = h.ID
	byName := h // of a device that was named, not shown by its cookie
	byName.Key = TokenKey{}
	known, replaced := &TokenRecord{ID: h.ID}, &TokenRecord{ID: h.ID, Replaced: testStart}
	const admitted = Code("")
	for _, test := range []struct {
		name  string
		h     Handle
		r     *Record
		token *TokenRecord
		now   time.Time
		want  Code
	}{
		{"its device", h, r, known, testStart, admitted},
		{"another device", other, r, known, testStart, NoSuchSession},
		{"a device replaced just now", other, r, replaced, testStart.Add(59 * time.Second), StaleCookie},
		{"a device replaced before", other, r, replaced, testStart.Add(time.Minute), NoSuchSession},
		{"Go code", Handle{ID: h.ID}, r, nil, testStart, admitted},
		{"timed out", h, r, known, testStart.Add(2 * time.Hour), NoSuchSession},
		{"just before the time-out", h, r, known, testStart.Add(time.Hour), admitted},
		{"unwritten", h, nil, nil, testStart, admitted},
		{"unwritten, over its lifetime", h, nil, nil, testStart.Add(24 * time.Hour), NoSuchSession},
		{"unwritten, without its cookie", byName, nil, nil, testStart, NoSuchSession},
		{"ended", h, nil, known, testStart, NoSuchSession},
		{"absorbed just now", h, nil, replaced, testStart, StaleCookie},
		{"Go code, no session", Handle{ID: h.ID}, nil, nil, testStart, NoSuchSession},
	} {
		err := test.h.Admit(test.r, test.token, test.now)
		if (err == nil) != (test.want == admitted) || err != nil && CodeOf(err) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestDeadline: never before the idle time-out, at most a grain after it, and never beyond the device's end.
func TestDeadline(t *testing.T) {
	w := testWrite(1, `{"set":{"a":1}}`)
	r := mustMutate(t, nil, w)
	if want := testStart.Add(time.Hour + time.Minute); !r.Deadline.Equal(want) {
		t.Errorf("deadline %v, want %v", r.Deadline, want)
	}
	w = testWrite(2, `{"set":{"a":2}}`)
	w.Now = testStart.Add(23*time.Hour + 30*time.Minute)
	r = mustMutate(t, r, w)
	if want := testStart.Add(24 * time.Hour); !r.Deadline.Equal(want) {
		t.Errorf("deadline %v, want the device's end %v", r.Deadline, want)
	}
}

func TestTokenIsNoText(t *testing.T) {
	token := NewToken()
	secret := string(token[:])
	for _, format := range []string{"%v", "%s", "%+v", "%#v", "%d", "%x", "%q"} {
		text := fmt.Sprintf(format, token)
		if format != "%d" && format != "%x" && strings.Contains(text, secret) {
			t.Errorf("%s prints the token", format)
		}
	}
	h := token.handle(testStart, time.Hour)
	if strings.Contains(fmt.Sprintf("%v", h), secret) {
		t.Error("a handle holds the token")
	}
}

func TestTokensDiffer(t *testing.T) {
	seen := make(map[Token]bool)
	for range 100_000 {
		token := NewToken()
		if seen[token] {
			t.Fatal("two tokens are alike")
		}
		seen[token] = true
	}
}

func sampleRecord(t testing.TB) *Record {
	r := mustMutate(t, nil, testWrite(1, `{"set":{"fruit":"cherries","n":1e400,"o":{"a":[null]},"gone":1}}`))
	return mustMutate(t, r, testWrite(3, `{"delete":["gone"],"incr":{"visits":1}}`))
}

// userRecord has all that a record can hold.
func userRecord(t testing.TB) *Record {
	r := *sampleRecord(t)
	r.User, r.Shared, r.Absorbed = "u42", true, []ID{{1}, {2}}
	fresh := Token{4}.handle(testStart, 24*time.Hour)
	fresh.Agent = "a browser"
	r.relist(append(slices.Clone(r.Devices), fresh.device()), testStart)
	r.touch(fresh, testStart, testTiming)
	return &r
}

// TestRecordOfFormat1 reads the bytes that the version before users wrote for the sample record.
func TestRecordOfFormat1(t *testing.T) {
	b, err := os.ReadFile("testdata/record_format1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	want := sampleRecord(t) // whose device was seen when the session was touched last
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(State{})); diff != "" {
		t.Errorf("decoded record differs (-want +got): %s", diff)
	}
	for n := range b {
		if _, err := DecodeRecord(b[:n]); err == nil {
			t.Fatalf("the first %d bytes of %d are taken for a record", n, len(b))
		}
	}
}

func TestRecordCodecOfUsers(t *testing.T) {
	r := userRecord(t)
	b := AppendRecord(nil, r)
	got, err := DecodeRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got, cmp.AllowUnexported(State{})); diff != "" {
		t.Errorf("decoded record differs (-want +got): %s", diff)
	}
	for n := range b {
		if _, err := DecodeRecord(b[:n]); err == nil {
			t.Fatalf("the first %d bytes of %d are taken for a record", n, len(b))
		}
	}
}

func TestRecordCodec(t *testing.T) {
	r := sampleRecord(t)
	got, err := DecodeRecord(AppendRecord(nil, r))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got, cmp.AllowUnexported(State{})); diff != "" {
		t.Errorf("decoded record differs (-want +got): %s", diff)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(AppendRecord(nil, sampleRecord(f)))
	f.Add(AppendRecord(nil, userRecord(f)))
	f.Add([]byte{recordFormat})
	if older, err := os.ReadFile("testdata/record_format1"); err == nil {
		f.Add(older)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		again, err := DecodeRecord(AppendRecord(nil, r))
		if err != nil {
			t.Fatalf("re-encoded record: %v", err)
		}
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(State{})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRecordOfFormat2 reads what this version writes, and must not write otherwise without another number.
func TestRecordOfFormat2(t *testing.T) {
	b, err := os.ReadFile("testdata/record_format2")
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(userRecord(t), got, cmp.AllowUnexported(State{})); diff != "" {
		t.Errorf("decoded record differs (-want +got): %s", diff)
	}
	if again := AppendRecord(nil, got); !bytes.Equal(again, b) {
		t.Errorf("it is written as\n%x\nand was\n%x", again, b)
	}
}

// TestRecordOfAFormatToCome refuses what a newer seshd wrote, and says so.
func TestRecordOfAFormatToCome(t *testing.T) {
	b := AppendRecord(nil, userRecord(t))
	b[0] = recordFormat + 1
	if _, err := DecodeRecord(b); err == nil || !strings.Contains(err.Error(), "format 3, this seshd (") {
		t.Errorf("got %v", err)
	}
}

// What is derived from a token never changes: cookies are out there, and what is stored goes by these names.
func TestDerivedNamesStay(t *testing.T) {
	h := Token{1, 2, 3}.handle(testStart, 24*time.Hour)
	got := fmt.Sprintf("%s %s %x %x", h.ID, h.Device, h.Key, h.ID.endKey())
	const want = "038ae7b6efe39d25c522ec0952ccee6f 25fcb36c1f0a9deb 1a0472f8ca74e28a54cb9a83cbfe349c49f7a2f2d050253dcc68fd0d9f7afbfa " +
		"ee3fcdfb74003e177ae40e0d597ded258b7096cef8c9d60dd8ec12d2d61e2e64"
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
