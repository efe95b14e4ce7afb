package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seshd/seshd/cmd/seshd/connect"
)

// The variables that say who one is: unlike flags they are in no list of processes.
const (
	cookieVariable = envPrefix + "COOKIE"
	ticketVariable = envPrefix + "TICKET"
)

const connectLong = `connect opens a tab of a session. It prints the frames that come, and sends the lines that are typed, piped in or given by -x.

A line is a JSON object of the protocol, such as {"set":{"fruit":"plums"}}, or one of
  set KEY VALUE     incr KEY [N]     delete KEY…     get     ping
where a VALUE that is no JSON is text. Lines go out once the session is there. A mutation without an id gets one; it is sent
again after a lost connection, and counts once. (Ids of your own must rise.) At the end of the input connect waits for the
answers. Lines given by -x go one after the other, each after the answer of the one before, up to the first that is refused.

--until ends it when a frame says so:
  version=3         at this version or a later one, as changes may come folded
  fruit=plums       a key has this value: JSON, or else text. Keys named type or version are written in quotes
  type=change       a frame of this type

You are a new visitor, unless --jar has the cookie of an earlier one (curl -b and -c use such files too), or ` + cookieVariable + `
has one (session=…), or a ticket says whose tab it is (` + ticketVariable + ` has it too). Neither is ever printed.

Frames go to stdout: on a terminal as short lines, with colours unless NO_COLOR is set, else each as it came, on a line of its own.

Exit codes: 0 done, 1 a wrong flag or the like, 2 no connection, or lost for good, 3 a line was refused, 4 --timeout, 130 Ctrl-C.`

const connectExample = `  seshd connect
  seshd connect --jar jar -x 'set fruit plums' -x '{"incr":{"visits":1}}'
  seshd connect --jar jar --until fruit=cherries --timeout 1m
  seshd connect https://shop.example --ticket -`

// newConnect is a tab in a terminal.
func newConnect(environ []string) *cobra.Command {
	o := connect.Options{}
	cmd := &cobra.Command{
		Use:     "connect [URL]",
		Short:   "Open a tab in the terminal: see what changes, and write",
		Long:    connectLong,
		Example: connectExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("unknown argument %q: %s takes one URL, and a line to send needs -x and quotes", args[1], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.URL = "http://localhost:8000"
			if len(args) > 0 {
				o.URL = args[0]
			}
			if err := whoConnects(&o, environ); err != nil {
				return err
			}
			return runConnect(cmd, o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVarP(&o.Lines, "execute", "x", nil, "send this line and wait for its answer; again for more")
	flags.StringVar(&o.Until, "until", "", "end when a frame says so: version=N, KEY=VALUE or type=T")
	flags.BoolVarP(&o.Follow, "follow", "f", false, "go on at the end of the input")
	flags.DurationVar(&o.Timeout, "timeout", 0, "how long all of it may take, such as 10s; then exit 4 (default: any time)")
	flags.StringVar(&o.Jar, "jar", "", "file that the cookie is read from and kept in")
	flags.StringVar(&o.Ticket, "ticket", "", "join by a ticket; -: the first line of the input is it, which no list of processes shows")
	flags.StringVar(&o.Origin, "origin", "", "Origin to send, as a page of it would, where the server asks for one")
	flags.BoolVar(&o.NoReconnect, "no-reconnect", false, "exit 2 when the connection is lost")
	return cmd
}

// whoConnects adds what the environment says.
func whoConnects(o *connect.Options, environ []string) error {
	for _, pair := range environ {
		switch name, value, _ := strings.Cut(pair, "="); {
		case value == "":
		case name == cookieVariable:
			o.Cookie = value
		case name == ticketVariable && o.Ticket == "":
			o.Ticket = value
		}
	}
	if o.Cookie != "" && o.Jar != "" {
		return errors.New("--jar and " + cookieVariable + " each say who you are: want one of them")
	}
	return nil
}

func runConnect(cmd *cobra.Command, o connect.Options) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it wherever it is
	o.In, o.Out, o.Notes = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	o.Person, o.Color = isTerminal(o.Out), colorful(o.Out)
	if in, ok := o.In.(*os.File); ok {
		o.Typed = isTerminal(in)
	}
	return connect.Run(ctx, o)
}
