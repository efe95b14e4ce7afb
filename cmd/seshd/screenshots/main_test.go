package main

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

const largest = 150_000 // bytes: who reads the README loads both

func TestPicturesComeFromTheRunningServer(t *testing.T) {
	dir := t.TempDir()
	if err := shoot(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for name, width := range map[string]int{"live.png": 2*620 + gap, "live-dark.png": 1240} {
		for _, where := range []string{dir, "../../../docs"} {
			file, err := os.Open(filepath.Join(where, name))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			picture, err := png.DecodeConfig(file)
			if err != nil || picture.Width != width {
				t.Errorf("%s: %d pixels wide, want %d: %v", file.Name(), picture.Width, width, err)
			}
			if info, err := file.Stat(); err != nil || info.Size() > largest {
				t.Errorf("%s has %d bytes, at most %d are wanted: %v", file.Name(), info.Size(), largest, err)
			}
		}
	}
}
