package redisstore

import (
	"context"
	"embed"

	"github.com/redis/rueidis"
)

//go:embed lua/*.lua
var luaFiles embed.FS

// scripts are loaded into Redis at their first use, and again where it has forgotten them.
type scripts struct {
	commit, settle, tell, lives, list, rearm, lock, unlock, lineage, beat, tabs *rueidis.Lua

	mark string // sent as it is, on connections of its own
}

func newScripts() scripts {
	read := func(name string) string {
		text, err := luaFiles.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err) // the file was there when this was compiled
		}
		return string(text)
	}
	load := func(name string) *rueidis.Lua { return rueidis.NewLuaScript(read(name)) }
	return scripts{
		commit: load("commit"), settle: load("settle"), tell: load("tell"), lives: load("lives"), list: load("list"), rearm: load("rearm"),
		lock: load("lock"), unlock: load("unlock"), lineage: load("lineage"), beat: load("beat"), tabs: load("tabs"),
		mark: read("mark"),
	}
}

// run runs a script within the time that one command may take.
func (s *Store) run(ctx context.Context, script *rueidis.Lua, keys []string, args ...string) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return script.Exec(ctx, s.client, keys, args)
}

// do runs one command within the time that one may take.
func (s *Store) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return s.client.Do(ctx, cmd)
}
