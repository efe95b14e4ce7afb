package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// load reads the settings: a flag beats the environment, which beats the file, which beats the default.
// It reports everything that is wrong, not only the first.
func load(flags *pflag.FlagSet, environ []string) (config, error) {
	l := loader{values: koanf.New("."), origin: map[string]string{}}

	defaults := map[string]any{}
	for _, s := range settings {
		if !s.secret { // a secret's default is made by the store, and empty text is a mistake
			defaults[s.name] = s.def
		}
	}
	l.layer(defaults, func(string) string { return "" })
	clear(l.origin) // from here on it has what was asked for

	env, path := l.environment(environ)
	if f := flags.Lookup(configFlag); f != nil && f.Changed {
		path = f.Value.String()
	}
	if path != "" {
		l.layer(l.file(path), func(string) string { return path })
	}
	l.layer(env, func(name string) string { return l.variable[name] })

	given := map[string]any{}
	flags.Visit(func(f *pflag.Flag) {
		if f.Name != configFlag && slices.Contains(settingNames(), f.Name) {
			given[f.Name] = f.Value.String()
		}
	})
	l.layer(given, func(string) string { return "" })

	c := l.parse()
	if _, asked := l.origin[tourSetting]; !asked {
		c.tour = tourByDefault(c)
	}
	return c, errors.Join(l.errs...)
}

type loader struct {
	values   *koanf.Koanf
	origin   map[string]string // of each value that was given: where it came from, if not a flag
	variable map[string]string // setting to the variable that gave it
	errs     []error
}

func (l *loader) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

// layer puts values over those there are.
func (l *loader) layer(values map[string]any, origin func(name string) string) {
	// A map that is there already cannot fail to load.
	_ = l.values.Load(confmap.Provider(values, ""), nil)
	for name := range values {
		l.origin[name] = origin(name)
	}
}

// environment picks our variables, reads the files that …_FILE name, and returns the path of the
// configuration file where a variable gives it.
func (l *loader) environment(environ []string) (values map[string]any, configPath string) {
	values, l.variable = map[string]any{}, map[string]string{}
	known := map[string]setting{}
	names := []string{envName(configFlag)}
	for _, s := range settings {
		known[envName(s.name)] = s
		names = append(names, envName(s.name))
		if s.secret {
			known[envName(s.name)+envFile] = s
			names = append(names, envName(s.name)+envFile)
		}
	}
	for _, pair := range environ {
		variable, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(variable, envPrefix) || notOurs(variable, text) {
			continue
		}
		if variable == envName(configFlag) {
			configPath = text
			continue
		}
		s, ok := known[variable]
		switch {
		case !ok:
			l.fail("%s is no setting of seshd (--help lists them): the nearest is %s", variable, nearest(variable, names))
			continue
		case l.variable[s.name] != "":
			l.fail("%s and %s%s are both set: want one of them", envName(s.name), envName(s.name), envFile)
			continue
		}
		l.variable[s.name] = variable
		if !s.secret || !strings.HasSuffix(variable, envFile) {
			values[s.name] = text
			continue
		}
		secret, err := secretIn(text, s)
		if err != nil {
			l.fail("%s: %w", variable, err)
			continue
		}
		values[s.name] = secret
	}
	return values, configPath
}

// What Kubernetes and old Docker set in a container that runs beside a service named seshd.
var (
	serviceLink = regexp.MustCompile(`^SESHD_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	servicePort = regexp.MustCompile(`^SESHD_(.+_)?PORT$`)
)

// notOurs tells the variables that start like ours and yet are no settings: those of an orchestrator, those of
// seshd connect, and those of this project's tests, which start servers with the environment they run in.
func notOurs(variable, text string) bool {
	switch variable {
	case cookieVariable, ticketVariable, "SESHD_PROVE", "SESHD_WSCAT":
		return true
	}
	// An orchestrator's SESHD_PORT is tcp://10.0.0.1:8000. One that is a number was written by a person
	// who means SESHD_ADDR and must hear of it.
	return serviceLink.MatchString(variable) || servicePort.MatchString(variable) && strings.Contains(text, "://")
}

// secretIn reads the file of a secret.
func secretIn(path string, s setting) (any, error) {
	if _, list := s.of(new(config)).(listValue); list {
		return keysIn(path)
	}
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}

// keysIn reads a file of keys, one a line or separated by commas.
func keysIn(path string) ([]any, error) {
	text, err := os.ReadFile(path)
	keys := []any{}
	for line := range strings.Lines(string(text)) {
		for _, key := range splitList(line) {
			keys = append(keys, key)
		}
	}
	return keys, err
}

// file reads the YAML file and checks its keys.
func (l *loader) file(path string) map[string]any {
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		l.fail("--%s %s: %w", configFlag, path, err)
		return nil
	}
	values := k.Raw()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(settingNames(), name):
			l.fail("%s: %q is no setting of seshd (--help lists them): the nearest is %q", path, name, nearest(name, settingNames()))
			delete(values, name)
		case values[name] == nil:
			l.fail("%s: %s has no value: give it one or take the line out", path, name)
			delete(values, name)
		}
	}
	return values
}

func settingNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

// parse turns what was loaded into a config.
func (l *loader) parse() config {
	var c config
	for _, s := range settings {
		raw := l.values.Get(s.name)
		if raw == nil { // a secret not given, or refused already
			continue
		}
		if err := put(s.of(&c), raw); err != nil {
			where := "--" + s.name
			if from := l.origin[s.name]; from != "" {
				where += " (from " + from + ")"
			}
			if s.secret {
				l.fail("%s: %w", where, err)
			} else {
				l.fail("%s: %s: %w", where, show(raw), err)
			}
		}
	}
	return c
}

// put gives a value what was loaded for it: text, or what YAML made of it.
func put(v value, raw any) error {
	list, isList := v.(listValue)
	items, isItems := raw.([]any)
	switch {
	case isItems && isList:
		texts := make([]string, len(items))
		for i, item := range items {
			text, ok := item.(string)
			if !ok {
				return fmt.Errorf("want text in quotes as item %d", i+1)
			}
			texts[i] = text
		}
		return list.setItems(texts)
	case isItems:
		return errors.New("want one value, not a list")
	}
	text, ok := scalar(raw)
	switch {
	case !ok:
		return errors.New("want one value, not a map")
	case isList && text != raw: // YAML may have altered it: 0123 is 83, and long digits lose their end
		return errors.New("want text in quotes")
	}
	return v.set(text)
}

func scalar(raw any) (string, bool) {
	switch v := raw.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int, int64, uint64:
		return fmt.Sprint(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func show(raw any) string {
	if text, ok := scalar(raw); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(raw)
}
