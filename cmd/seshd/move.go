package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/archive"
	"github.com/seshd/seshd/session/pebblestore"
)

const exportLong = `export writes all sessions as lines of JSON, to stdout or a new file, for seshd import. Ask a running server by --url, which
serves on meanwhile: its internal listener, and an API key. Where no server runs, --data opens the data directory itself.

All that visitors keep is in it, private keys too, and hashes of their tokens: keep it as you keep the data directory. The tokens
themselves are not. Cookies go on working where the other server has the same --secret-key (in the file secret-key of the data
directory, unless you gave one).`

const importLong = `import takes in what seshd export wrote, from stdin or a file. A session that is there already stays as it is, unless it is older; one
that was ended there stays ended, and one that was ended where the export comes from is ended. So import again what was
written since the first time; write to a session on one side only. Open tabs see what comes. Once visitors have left the other server
import from it no more: what has timed out there would end here.

It prints how many sessions were imported, how many were as new or newer, ended there, or have timed out.`

// place is where sessions are: a running server, or the data directory of none.
type place struct {
	environ []string
	url     string
}

func (p *place) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	addFlags(flags, dataSetting, apiKeySetting)
	flags.Lookup(dataSetting).DefValue = "" // there is none: one of the two must be said
	flags.StringVar(&p.url, "url", "", "internal listener of a running server, such as http://127.0.0.1:8001")
}

func newExport(environ []string) *cobra.Command {
	p, out := place{environ: environ}, ""
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write all sessions to a file, for another server",
		Long:    exportLong,
		Example: "  seshd export --url http://127.0.0.1:8001 --out sessions.ndjson\n  seshd export --data ./data | gzip >sessions.ndjson.gz",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			if out == "" {
				return p.export(ctx, cmd, cmd.OutOrStdout())
			}
			return writeNew(out, func(w io.Writer) error { return p.export(ctx, cmd, w) })
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "new file to write, for its owner alone (default: stdout)")
	return cmd
}

func newImport(environ []string) *cobra.Command {
	p, in := place{environ: environ}, ""
	cmd := &cobra.Command{
		Use:     "import",
		Short:   "Take in what seshd export wrote",
		Long:    importLong,
		Example: "  seshd import --url http://127.0.0.1:8001 --in sessions.ndjson\n  gunzip <sessions.ndjson.gz | seshd import --data ./data",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := cmd.InOrStdin() // whose reads only a signal ends: no handler, and what was committed is safe
			if in != "" {
				file, err := os.Open(in)
				if err != nil {
					return err
				}
				defer file.Close()
				from = file
			}
			counts, err := p.take(cmd.Context(), cmd, from)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d sessions imported; %d were as new or newer, %d ended there, %d have timed out; %d ended tokens noted\n",
				counts.Imported, counts.NewerHere, counts.EndedHere, counts.TimedOut, counts.Tokens)
			return err
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&in, "in", "", "file to read (default: stdin)")
	return cmd
}

// writeNew writes a file that was not there, in whole or not at all.
func writeNew(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Sync(), file.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func (p *place) export(ctx context.Context, cmd *cobra.Command, w io.Writer) error {
	return p.with(cmd, func(store *pebblestore.Store) error {
		return archive.Write(ctx, w, store)
	}, func(key string) error {
		answer, err := p.ask(ctx, http.MethodGet, "v1/export", key, http.NoBody)
		if err != nil {
			return err
		}
		defer answer.Close()
		if _, err := io.Copy(w, answer); err != nil {
			return fmt.Errorf("the export was cut off, and cannot be used: %w", err)
		}
		return nil
	})
}

func (p *place) take(ctx context.Context, cmd *cobra.Command, from io.Reader) (counts archive.Counts, err error) {
	err = p.with(cmd, func(store *pebblestore.Store) error {
		counts, err = archive.Read(ctx, from, store)
		return err
	}, func(key string) error {
		answer, err := p.ask(ctx, http.MethodPost, "v1/import", key, from)
		if err != nil {
			return err
		}
		defer answer.Close()
		return json.NewDecoder(answer).Decode(&counts)
	})
	return counts, err
}

// with opens the data directory, or finds the key of the server.
func (p *place) with(cmd *cobra.Command, local func(*pebblestore.Store) error, remote func(key string) error) (err error) {
	data := cmd.Flags().Changed(dataSetting)
	if data == (p.url != "") {
		return errors.New("say where the sessions are: --url of a running server's internal listener, or --data where none runs")
	}
	c, err := load(cmd.Flags(), p.environ)
	switch {
	case err != nil:
		return err
	case !data && len(c.apiKeys) == 0:
		return fmt.Errorf("give an API key of the server, say by %s: it is in the file api-key of its data directory, unless you gave one", envName(apiKeySetting)+envFile)
	case !data:
		return remote(c.apiKeys[0])
	}
	store, err := pebblestore.Open(string(c.data), storeOptions(cmd, c))
	if errors.Is(err, pebblestore.ErrLocked) {
		return fmt.Errorf("%w: ask it by --url", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return plain(local(store))
}

// plain is what a refusal says, without the code, which is for programs.
func plain(err error) error {
	if refusal, ok := errors.AsType[*session.Error](err); ok {
		return errors.New(refusal.Message)
	}
	return err
}

// ask sends a request to the server API, and returns the body of a good answer.
func (p *place) ask(ctx context.Context, method, path, key string, body io.Reader) (io.ReadCloser, error) {
	base, err := url.Parse(p.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("--url %q: want http://host:port of an internal listener", p.url)
	}
	request, err := http.NewRequestWithContext(ctx, method, base.JoinPath(path).String(), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/x-ndjson")
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}} // never by way of HTTP_PROXY
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	var problem struct{ Detail string }
	_ = json.NewDecoder(io.LimitReader(response.Body, maxProblem)).Decode(&problem)
	if response.StatusCode == http.StatusNotFound {
		problem.Detail = "is this the internal listener of a seshd?"
	}
	return nil, fmt.Errorf("%s answered %s: %s", request.URL, response.Status, cmp.Or(problem.Detail, "it does not say why"))
}

// maxProblem is more than a server has to say about what is wrong.
const maxProblem = 64 << 10
