package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/seshd/seshd/session/pebblestore"
)

const backupLong = `backup copies the data directory of a running server into a tar, to stdout or a new file: all that was acknowledged before it began, as of
one moment, and the generated keys. The server goes on meanwhile. Ask it by --url: its internal listener, and an API key. Where no
server runs, --data opens the data directory itself.

Who has a backup has all that visitors keep, and the keys of their cookies: keep it as you keep the data directory.`

const restoreLong = `restore puts a backup into a data directory that holds nothing yet, once it has checked all of it; then start a server there. What was
written after the backup is lost, and what was ended after it is back. Open tabs, and those that come back, get the whole session
anew, so that none shows what is lost. Restore by this command, never by hand: a copy put back by other means cannot tell tabs so.`

const checkLong = `check reads all that is in a data directory, which no server may use meanwhile, or in a backup: every checksum, every record, and whether
tokens, users and the story agree with the sessions. It changes nothing, names what is damaged, and exits with 1 if anything is. A
backup is unpacked into a temporary directory for it (TMPDIR). Of a running server, check a backup.`

// errDamaged is what a check comes to that found something wrong.
var errDamaged = errors.New("it is damaged, as said above: use a backup that is not")

func newBackup(environ []string) *cobra.Command {
	p, out := place{environ: environ}, ""
	cmd := &cobra.Command{
		Use:     "backup",
		Short:   "Copy the data of a running server into a file",
		Long:    backupLong,
		Example: "  seshd backup --url http://127.0.0.1:8001 --out backup.tar",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			if out == "" {
				return p.backup(ctx, cmd, cmd.OutOrStdout())
			}
			return writeNew(out, func(w io.Writer) error { return p.backup(ctx, cmd, w) })
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "new file to write, for its owner alone (default: stdout)")
	return cmd
}

func (p *place) backup(ctx context.Context, cmd *cobra.Command, w io.Writer) error {
	return p.with(cmd, func(store *pebblestore.Store) error {
		return store.Backup(ctx, w)
	}, func(key string) error {
		answer, err := p.ask(ctx, http.MethodGet, "v1/backup", key, http.NoBody)
		if err != nil {
			return err
		}
		defer answer.Close()
		if _, err := io.Copy(w, answer); err != nil {
			return fmt.Errorf("the backup was cut off, and cannot be used: %w", err)
		}
		return nil
	})
}

func newRestore(environ []string) *cobra.Command {
	in := ""
	cmd := &cobra.Command{
		Use:     "restore",
		Short:   "Put a backup into a new data directory",
		Long:    restoreLong,
		Example: "  seshd restore --in backup.tar --data ./data",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			return withInput(cmd, in, func(ctx context.Context, from io.Reader) error {
				found, err := pebblestore.Restore(ctx, from, string(c.data), storeOptions(cmd, c))
				return report(cmd, found, err, "restored to "+string(c.data))
			})
		},
	}
	addFlags(cmd.Flags(), dataSetting)
	cmd.Flags().StringVar(&in, "in", "", "backup to read (default: stdin)")
	return cmd
}

func newCheck(environ []string) *cobra.Command {
	in := ""
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Read all of a data directory or a backup, and name what is damaged",
		Long:    checkLong,
		Example: "  seshd check --data ./data\n  seshd check --in backup.tar",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("in") == cmd.Flags().Changed(dataSetting) {
				return errors.New("say what to check: --data of a directory that no server uses, or --in of a backup")
			}
			if in == "" {
				ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
				defer stop()
				found, err := pebblestore.Check(ctx, string(c.data), storeOptions(cmd, c))
				return report(cmd, found, err, "nothing is damaged")
			}
			return withInput(cmd, in, func(ctx context.Context, from io.Reader) error {
				found, err := pebblestore.CheckBackup(ctx, from, storeOptions(cmd, c))
				return report(cmd, found, err, "nothing is damaged")
			})
		},
	}
	addFlags(cmd.Flags(), dataSetting)
	cmd.Flags().Lookup(dataSetting).DefValue = "" // there is none: one of the two must be said
	cmd.Flags().StringVar(&in, "in", "", "backup to check")
	return cmd
}

func storeOptions(cmd *cobra.Command, c config) pebblestore.Options {
	return pebblestore.Options{Logger: newLogger(cmd.ErrOrStderr(), c.logFormat.on(cmd.ErrOrStderr()), c.logLevel)}
}

// withInput opens the file of that name, until Ctrl-C, or stdin where there is none, whose reads only a signal without a handler ends.
func withInput(cmd *cobra.Command, name string, read func(context.Context, io.Reader) error) error {
	if name == "" {
		return read(cmd.Context(), cmd.InOrStdin())
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return read(ctx, file)
}

// report prints what was read, or what is damaged.
func report(cmd *cobra.Command, found pebblestore.Findings, err error, good string) error {
	if err != nil {
		return err
	}
	for _, damage := range found.Damage {
		fmt.Fprintln(cmd.ErrOrStderr(), "damaged:", damage)
	}
	if found.More > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "and %d more\n", found.More)
	}
	if len(found.Damage) > 0 {
		return errDamaged
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d sessions, %d tokens, %d tickets, %d users, %d lines of the story\n",
		good, found.Sessions, found.Tokens, found.Tickets, found.Users, found.Lives)
	return err
}
