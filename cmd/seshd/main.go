// Command seshd serves sessions that every tab of a browser shares, live and durable.
//
// It reads its settings (see settings.go), opens the store, and runs what package web makes of
// both. Whatever can be decided elsewhere is: this is the only place that names a concrete store.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seshd/seshd/cmd/seshd/connect"
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// errLogged is a failure that the log has told already.
var errLogged = errors.New("logged")

// run is the whole program, as a function of what it is given.
func run(args, environ []string, stdout, stderr io.Writer) (exitCode int) {
	root := newRoot(environ)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	switch {
	case err == nil:
		return 0
	case !errors.Is(err, errLogged):
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(stderr, "seshd:", strings.TrimSuffix(line, "\n"))
		}
	}
	if end, ok := errors.AsType[*connect.Exit](err); ok {
		return end.Code
	}
	return 1
}

func newRoot(environ []string) *cobra.Command {
	serve := newServe(environ)
	root := &cobra.Command{
		Use:   "seshd",
		Short: "Sessions that every tab shares, live and durable",
		Long: `seshd serves sessions that every tab of a browser shares, live and durable.
Alone it is "seshd serve". Every flag of serve is also a variable (--max-keys is ` + envName("max-keys") + `;
secrets may come from a file named by ` + envName("api-key") + envFile + `) and a key of the YAML file given
by --config. Flags beat variables, which beat the file. Lists are separated by commas.`,
		Example: "  seshd --addr :9000\n  seshd serve --data /var/lib/seshd --tour=false\n  seshd keygen",
		Args:    noArgs,
		RunE:    serve.RunE,
		Version: version(),

		// run prints errors, in one shape; usage after each of them would bury the message.
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	addFlags(root.Flags())
	root.AddCommand(serve, newConnect(environ), newBench(), newBackup(environ), newRestore(environ), newCheck(environ), newExport(environ), newImport(environ), newHealth(environ), newKeygen(), newVersion())
	return root
}

// noArgs refuses words that are no flags, and knows the two that follow a switch written with a space.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if slices.Contains([]string{"true", "false"}, args[0]) {
		return fmt.Errorf("%q stands alone: a switch is written with an equals sign, such as --tour=%s", args[0], args[0])
	}
	commands := []string{}
	for _, c := range cmd.Root().Commands() {
		commands = append(commands, c.Name())
	}
	if cmd.HasParent() {
		return fmt.Errorf("unknown argument %q: %s takes flags only", args[0], cmd.CommandPath())
	}
	return fmt.Errorf("unknown command %q: the nearest is %q (seshd --help lists them)", args[0], nearest(args[0], commands))
}

func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%w (%s --help lists the flags)", err, cmd.CommandPath())
	}
	names := []string{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("unknown flag --%s: the nearest is --%s", unknown.GetSpecifiedName(), nearest(unknown.GetSpecifiedName(), names))
}
