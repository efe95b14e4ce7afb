package redisstore

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session/redisstore/redistest"
	"github.com/seshd/seshd/session/storetest"
)

// The samples are what a released seshd wrote, so this is for a format that none has written yet.
var writeSamples = flag.Bool("write-samples", false, "write the sample of the present format anew")

func sampleFile(n int) string { return fmt.Sprintf("testdata/redis_format%d.txt", n) }

// sampleReplication stands in a sample for the replication id that a Redis draws when it starts.
const sampleReplication = "the-replication-id"

// What every released seshd kept in Redis can be read: it is all there, and the store goes on from it.
func TestSamples(t *testing.T) {
	if *writeSamples {
		redis := redistest.Start(t)
		s := openStore(t, redis.URL(), 0)
		storetest.FillWithSample(t, s)
		s.Close()
		if err := os.WriteFile(sampleFile(format), []byte(dump(t, redis)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; n <= format; n++ {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			redis := redistest.Start(t)
			replay(t, redis, sampleFile(n))
			storetest.HoldsSample(t, openStore(t, redis.URL(), 0))
		})
	}
}

// A Redis of a newer format is left as it is.
func TestANewerRedisIsNotTouched(t *testing.T) {
	redis := redistest.Start(t)
	replay(t, redis, sampleFile(format))
	redis.Do("SET", formatKey, `{"seshd":"Redis","format":2,"by":"v9.9.9","new":{}}`)
	before := dump(t, redis)
	_, err := Open(t.Context(), redis.URL(), Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "key seshd:{format}: it has format 2, written by seshd v9.9.9; this one, (devel), knows up to 1: use that seshd or a newer one") {
		t.Errorf("a newer format: %v", err)
	}
	if diff := cmp.Diff(before, dump(t, redis)); diff != "" {
		t.Errorf("it was changed: %s", diff)
	}
}

// A value that a newer server left is no empty session.
func TestANewerValueIsUnavailable(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	h := visitor(1)
	s.mustAdd(h)
	value, err := s.get(t.Context(), sessionKey(h.ID))
	if err != nil {
		t.Fatal(err)
	}
	value[0]++
	if err := s.client.Do(t.Context(), s.client.B().Set().Key(sessionKey(h.ID)).Value(string(value)).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(t.Context(), h.ID); r != nil || err == nil {
		t.Errorf("it was read as %v, %v", r, err)
	}
}

func connectTo(t *testing.T, redis *redistest.Server) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redis.Addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// dump writes the commands that would make what a Redis holds, a line each, the words quoted as in Go. What only servers that live have
// to say is left out, and so is when it all ends: in a hundred years.
func dump(t *testing.T, redis *redistest.Server) string {
	t.Helper()
	client := connectTo(t, redis)
	do := func(words ...string) rueidis.RedisResult {
		return client.Do(t.Context(), client.B().Arbitrary(words[0]).Args(words[1:]...).Build())
	}
	keys, err := do("KEYS", "*").AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, key := range keys {
		var command []string
		switch kind, _ := do("TYPE", key).ToString(); {
		case key == nodesKey || key == probeKey:
			continue
		case kind == "string":
			value, err := do("GET", key).ToString()
			command = []string{"SET", key, value}
			must(t, err)
		case kind == "hash":
			fields, err := do("HGETALL", key).AsStrMap()
			must(t, err)
			command = []string{"HSET", key}
			for _, field := range slices.Sorted(maps.Keys(fields)) {
				name := field
				if key == lineageKey {
					name = sampleReplication
				}
				command = append(command, name, fields[field])
			}
		case kind == "zset":
			members, err := do("ZRANGE", key, "0", "-1", "WITHSCORES").AsZScores()
			must(t, err)
			command = []string{"ZADD", key}
			for _, m := range members {
				command = append(command, strconv.FormatFloat(m.Score, 'f', -1, 64), m.Member)
			}
		case kind == "stream":
			entries, err := do("XRANGE", key, "-", "+").AsXRange()
			must(t, err)
			for _, e := range entries {
				writeCommand(&b, "XADD", key, e.ID, storyLetter, e.FieldValues[storyLetter])
			}
			continue
		default:
			t.Fatalf("key %s is a %s", key, kind)
		}
		writeCommand(&b, command...)
	}
	return b.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeCommand(b *strings.Builder, words ...string) {
	for i, word := range words {
		words[i] = strconv.QuoteToASCII(word)
	}
	b.WriteString(strings.Join(words, " ") + "\n")
}

// replay runs the commands of a sample.
func replay(t *testing.T, redis *redistest.Server, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	client := connectTo(t, redis)
	replication, err := replicationID(context.Background(), client)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		var words []string
		for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
			quoted, err := strconv.QuotedPrefix(rest)
			must(t, err)
			word, err := strconv.Unquote(quoted)
			must(t, err)
			words, rest = append(words, strings.ReplaceAll(word, sampleReplication, replication)), rest[len(quoted):]
		}
		must(t, client.Do(t.Context(), client.B().Arbitrary(words[0]).Args(words[1:]...).Build()).Error())
	}
}
