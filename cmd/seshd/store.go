package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
	"github.com/seshd/seshd/session/redisstore"
)

// embeddedStore is the setting for the store in the data directory.
const embeddedStore = "embedded"

// storeURL says where sessions are kept; the zero value is the embedded store.
type storeURL string

func (*storeURL) kind() string { return embeddedStore + "|redis://…" }

func (s *storeURL) set(text string) error {
	if text == embeddedStore {
		*s = ""
		return nil
	}
	if err := redisstore.CheckURL(text); err != nil {
		return fmt.Errorf("want %s, or a Redis: %w", embeddedStore, err)
	}
	*s = storeURL(text)
	return nil
}

// replicas is how many of the Redis' must have what is acknowledged.
type replicas int

func (*replicas) kind() string { return "count" }

func (r *replicas) set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return errors.New("want a whole number, 0 to wait for none")
	}
	*r = replicas(n)
	return nil
}

// shared says whether the store is one that several servers use.
func (s storeURL) shared() bool { return s != "" }

// keptIn says where the sessions are, as a person may read it.
func (c *config) keptIn() string {
	if c.store.shared() {
		return redisstore.Redact(string(c.store))
	}
	data := string(c.data)
	if absolute, err := filepath.Abs(data); err == nil {
		data = absolute
	}
	return data
}

// measured is what both stores are: they have figures to show.
type measured interface {
	session.Store
	prometheus.Collector
}

func openStore(ctx context.Context, c config, log *slog.Logger) (measured, error) {
	if c.store.shared() {
		store, err := redisstore.Open(ctx, string(c.store), redisstore.Options{Logger: log, Replicas: int(c.redisWait)})
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", storeSetting, err)
		}
		return store, nil
	}
	store, err := pebblestore.Open(string(c.data), pebblestore.Options{Logger: log, CacheBytes: c.cacheBytes.limit()})
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", c.data, err)
	}
	return store, nil
}

// ownSecrets takes the secrets that were not given from where the store keeps them, which drew them at the first start. A shared
// store keeps none: its servers must be given the same.
func ownSecrets(store session.Store, c *config, log *slog.Logger) error {
	keeper, ok := store.(session.Keeper)
	if !ok {
		if len(c.apiKeys) == 0 && c.internalAddr != "" {
			log.Warn("no --api-key is given: the server API answers nobody")
		}
		return nil
	}
	var errs []error
	if len(c.secretKeys) == 0 {
		errs = append(errs, ownSecret(keeper, c, "secret-key", &c.secretKeys))
	}
	if len(c.apiKeys) == 0 {
		errs = append(errs, ownSecret(keeper, c, "api-key", &c.apiKeys))
	}
	return errors.Join(errs...)
}

func ownSecret(keeper session.Keeper, c *config, name string, into value) error {
	secret, err := keeper.Secret(name)
	if err != nil {
		return err
	}
	if err := into.set(secret); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(string(c.data), name), err)
	}
	return nil
}
