package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Everybody writes while a backup is made: each write that was acknowledged before it began is in it.
func TestABackupUnderLoad(t *testing.T) {
	a, backend := startWithAPI(t, filepath.Join(t.TempDir(), "data"))
	const writers = 8
	var (
		all          [writers]*browser
		acknowledged [writers]atomic.Int64
		writing      sync.WaitGroup
		stop         = make(chan struct{})
		underway     sync.WaitGroup
	)
	underway.Add(writers)
	for i := range all {
		all[i] = visitor(t, a, `{"set":{"fruit":"cherries"}}`)
		if i%2 == 0 {
			backend.login(all[i], fmt.Sprintf(`{"user":"u%d","shared":true}`, i%4))
		}
		writing.Go(func() {
			for n := int64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := all[i].post(fmt.Sprintf(`{"incr":{"w%d":1}}`, i), ""); err != nil {
					t.Error(err)
					return
				}
				acknowledged[i].Store(n)
				if n == 20 {
					underway.Done()
				}
			}
		})
	}
	underway.Wait()
	var before [writers]int64
	for i := range before {
		before[i] = acknowledged[i].Load()
	}
	file, data := filepath.Join(t.TempDir(), "backup.tar"), filepath.Join(t.TempDir(), "data")
	mustSeshd(t, "", "backup", "--url", "http://"+a.internal, "--out", file)
	close(stop)
	writing.Wait()

	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if said := mustSeshd(t, "", "check", "--in", file); !strings.HasPrefix(said, "nothing is damaged: ") {
		t.Errorf("a check says %q", said)
	}
	if said := mustSeshd(t, "", "restore", "--in", file, "--data", data); !strings.HasPrefix(said, "restored to "+data+": ") {
		t.Errorf("a restore says %q", said)
	}
	mustSeshd(t, "", "check", "--data", data)
	if _, notes, err := seshd(t, "", "restore", "--in", file, "--data", data); err == nil || !strings.Contains(notes, "holds data already") {
		t.Errorf("a restore over data: %v %s", err, notes)
	}
	b, _ := startWithAPI(t, data)
	for i, v := range all {
		s, err := v.at(t, b).session()
		if got := integer(s.Data[fmt.Sprintf("w%d", i)]); err != nil || int64(got) < before[i] || int64(got) > acknowledged[i].Load() {
			t.Errorf("writer %d: %d of %d writes are in the backup, %v", i, got, before[i], err)
		}
	}
}

// Tabs that were told what a backup does not have get the whole session, by whatever way they come back, and go on from there.
func TestTabsThatWereAheadOfABackup(t *testing.T) {
	a, _ := startWithAPI(t, filepath.Join(t.TempDir(), "data"))
	ahead, unwritten := visitor(t, a, `{"set":{"fruit":"cherries","old":1}}`), newBrowser(t, a.addr)
	if _, err := unwritten.session(); err != nil { // it has a cookie
		t.Fatal(err)
	}
	backup := mustSeshd(t, "", "backup", "--url", "http://"+a.internal)
	type memory struct {
		v    *browser
		told frame // the last thing that its tabs know
	}
	var all []memory
	for _, v := range []*browser{ahead, unwritten} {
		for _, m := range []string{`{"set":{"lost":1}}`, `{"set":{"fruit":"plums"}}`, `{"delete":["old"]}`} {
			if _, err := v.post(m, ""); err != nil {
				t.Fatal(err)
			}
		}
		told, err := v.session()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, memory{v, told})
	}
	a.signal(t, syscall.SIGTERM)
	a.exit(t)

	data := filepath.Join(t.TempDir(), "data")
	mustSeshd(t, backup, "restore", "--data", data)
	b, _ := startWithAPI(t, data)
	for _, m := range all {
		v, id := m.v.at(t, b), strings.Trim(string(m.told.ID), `"`)
		now, err := v.session()
		if err != nil || string(now.ID) != string(m.told.ID) || now.Data["lost"] != nil {
			t.Fatalf("after the restore: %+v, %v", now, err)
		}
		for round := range 3 { // before anything is written to it, and after
			for version := range m.told.Version + 5 {
				tag := fmt.Sprintf(`"%s:%d"`, id, version)
				if now.Version == 0 && version == 0 { // nothing was written then, and nothing is now
					continue
				}
				wantWhole(t, v, fmt.Sprintf("%s:%d", id, version), now)
				v.do(t, "GET", "/session", "", "If-None-Match", tag).want(200)
				v.do(t, "POST", "/session", `{"set":{"fruit":"pears"}}`, "If-Match", tag).want(412, "conflict")
				v.do(t, "POST", "/session", fmt.Sprintf(`{"set":{"fruit":"pears"},"if_version":%d}`, version)).want(409, "conflict")
			}
			tb := openTab(t, v)
			if now, err = v.post(fmt.Sprintf(`{"set":{"round":%d}}`, round), ""); err != nil {
				t.Fatal(err)
			}
			for tb.version < now.Version {
				if _, err := tb.next(); err != nil {
					t.Fatal(err)
				}
			}
			if now, err = v.session(); err != nil || tb.version != now.Version || integer(tb.data["round"]) != round {
				t.Errorf("a tab of the restored session is at %d with %s; the session at %d, %v", tb.version, tb.data, now.Version, err)
			}
			tb.conn.Close()
		}
	}
}

// wantWhole comes back from a version over both transports.
func wantWhole(t *testing.T, v *browser, since string, now frame) {
	t.Helper()
	tb, err := v.open(url.Values{"since": {since}})
	if err != nil {
		t.Fatal(err)
	}
	defer tb.conn.Close()
	if f, err := tb.next(); err != nil || f.Type != "session" || f.Version != now.Version || len(f.Data) != len(now.Data) {
		t.Errorf("a tab that comes back from %s is told %s, %v", since, f.text, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+v.addr+"/session/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Last-Event-ID", since)
	response, err := v.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			if event != "session" {
				t.Errorf("an event stream that comes back from %s begins with %s", since, event)
			}
			return
		}
	}
	t.Error("the event stream ended")
}

// A page that is open all the while shows what was restored, and nothing of what was lost.
func TestAnOpenPageFollowsARestore(t *testing.T) {
	addr := freeAddr(t)
	a, _ := startWithAPI(t, filepath.Join(t.TempDir(), "data"), "--addr", addr)
	page := liveNewcomer(t, startChromium(t), "http://"+addr)
	page.does(t, `s.set("fruit", "cherries")`)
	page.knows(t, `pending == 0 && data.fruit == "cherries"`)
	backup := mustSeshd(t, "", "backup", "--url", "http://"+a.internal)
	page.does(t, `s.apply({ set: { fruit: "plums", lost: 1 } })`)
	page.knows(t, `pending == 0 && data.lost == 1`)
	a.signal(t, syscall.SIGKILL)
	a.exit(t)

	data := filepath.Join(t.TempDir(), "data")
	mustSeshd(t, backup, "restore", "--data", data)
	startWithAPI(t, data, "--addr", addr)
	page.knows(t, `status == "live" && data.fruit == "cherries" && !("lost" in data)`)
	page.does(t, `s.set("fruit", "pears")`)
	page.knows(t, `pending == 0 && data.fruit == "pears"`)
}

// What is damaged is named, with exit code 1, by a check and by a start.
func TestACheckNamesWhatIsDamaged(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p, _ := startWithAPI(t, data)
	for range 5 {
		visitor(t, p, `{"set":{"fruit":"cherries"}}`)
	}
	backup := mustSeshd(t, "", "backup", "--url", "http://"+p.internal)
	if _, notes, err := seshd(t, "", "check", "--data", data); err == nil || !strings.Contains(notes, "is in use by another server") {
		t.Errorf("of a directory in use: %v %s", err, notes)
	}
	p.signal(t, syscall.SIGTERM)
	p.exit(t)
	if said := mustSeshd(t, "", "check", "--data", data); !strings.HasPrefix(said, "nothing is damaged: 5 sessions, 5 tokens") {
		t.Errorf("a check says %q", said)
	}
	tables, err := filepath.Glob(filepath.Join(data, "db", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	content := readText(t, tables[0])
	damaged := content[:len(content)/3] + "cherries" + content[len(content)/3+8:]
	if err := os.WriteFile(tables[0], []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, notes, err := seshd(t, "", "check", "--data", data); err == nil || !strings.Contains(notes, "damaged: "+tables[0]) {
		t.Errorf("of a damaged directory: %v %s", err, notes)
	}
	file := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(file, []byte(strings.Replace(backup, "cherries", "cherrieS", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "--in", file}, {"restore", "--in", file, "--data", filepath.Join(t.TempDir(), "data")}} {
		if _, notes, err := seshd(t, "", args...); err == nil || !strings.Contains(notes, "this backup cannot be used: db/") {
			t.Errorf("%s of a damaged backup: %v %s", args[0], err, notes)
		}
	}
	for name, args := range map[string][]string{"nothing": {}, "two things": {"--data", data, "--in", file}} {
		if _, notes, err := seshd(t, "", append([]string{"check"}, args...)...); err == nil || !strings.Contains(notes, "say what to check") {
			t.Errorf("of %s: %v %s", name, err, notes)
		}
	}
}
