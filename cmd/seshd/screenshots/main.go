// Command screenshots is `make screenshots`: it builds the server, runs it, drives two tabs of its live view in Chromium, and
// writes the pictures of the README. It is never shipped.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

const gap = 16 // pixels between two tabs

func main() {
	out := flag.String("out", "docs", "where live.png and live-dark.png go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := shoot(ctx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func shoot(ctx context.Context, out string) (err error) {
	dir, err := os.MkdirTemp("", "seshd-screenshots-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	url, stop, err := serve(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	b, err := startBrowser(ctx, filepath.Join(dir, "browser"))
	if err != nil {
		return err
	}
	defer b.close()
	for _, picture := range []struct {
		name string
		take func(*browser, string) ([]image.Image, error)
	}{
		{"live.png", twoTabs},
		{"live-dark.png", lookingBack},
	} {
		images, err := picture.take(b, url)
		if err != nil {
			return fmt.Errorf("%s: %w", picture.name, err)
		}
		if err := write(filepath.Join(out, picture.name), beside(images)); err != nil {
			return err
		}
	}
	return nil
}

// serve builds the server, as it is shipped, and starts it on a port of the system's choosing.
func serve(ctx context.Context, dir string) (url string, stop func() error, err error) {
	program := filepath.Join(dir, "seshd")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "github.com/seshd/seshd/cmd/seshd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", nil, fmt.Errorf("building seshd: %w", err)
	}
	server := exec.CommandContext(ctx, program, "--addr=127.0.0.1:0", "--internal-addr=", "--data="+filepath.Join(dir, "data"), "--log-format=json")
	log, err := server.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error { return errors.Join(server.Process.Kill(), ignoreKill(server.Wait())) }
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Addr string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			return "http://" + line.Addr, stop, nil
		}
	}
	return "", nil, errors.Join(errors.New("the server ended without listening"), stop())
}

// ignoreKill takes away the error that a killed process ends with.
func ignoreKill(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && !exit.Exited() {
		return nil
	}
	return err
}

// beside puts pictures of one height next to each other, with nothing between them but a gap.
func beside(images []image.Image) image.Image {
	all := image.Rectangle{Max: image.Pt(-gap, 0)}
	for _, one := range images {
		all.Max = image.Pt(all.Max.X+gap+one.Bounds().Dx(), max(all.Max.Y, one.Bounds().Dy()))
	}
	canvas := image.NewNRGBA(all)
	x := 0
	for _, one := range images {
		draw.Draw(canvas, one.Bounds().Add(image.Pt(x, 0)), one, image.Point{}, draw.Src)
		x += one.Bounds().Dx() + gap
	}
	return canvas
}

func write(name string, picture image.Image) error {
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, picture); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d kB\n", name, file.Len()/1000)
	return os.WriteFile(name, file.Bytes(), 0o644)
}
