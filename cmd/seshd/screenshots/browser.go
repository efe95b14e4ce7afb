package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"slices"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience bounds the wait for a page to come to something.
const patience = 30 * time.Second

// browser is Chromium. All its tabs are of one visitor.
type browser struct {
	ctx   context.Context
	close func()
}

func startBrowser(ctx context.Context, profile string) (*browser, error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.UserDataDir(profile), chromedp.DisableGPU)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses root otherwise
	}
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	ctx, leave := chromedp.NewContext(ctx)
	b := &browser{ctx, func() { leave(); stop() }}
	if err := chromedp.Do(ctx); err != nil {
		b.close()
		return nil, fmt.Errorf("this drives a real browser: install chromium, chromium-browser or google-chrome: %w", err)
	}
	return b, nil
}

// tab is a tab of the live view. After its first error it does nothing more.
type tab struct {
	ctx   context.Context
	close func()
	err   error
}

// open opens a tab in a window of its own, of a size and a colour scheme.
func (b *browser) open(url string, width, height int64, scheme string) *tab {
	ctx, leave := chromedp.NewContext(b.ctx)
	ctx, stop := context.WithTimeout(ctx, patience)
	t := &tab{ctx: ctx, close: func() { stop(); leave() }}
	t.err = chromedp.Do(ctx, chromedp.EmulateViewport(width, height))
	if t.err == nil {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
		_, t.err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	}
	if t.err == nil {
		t.err = chromedp.Do(ctx, chromedp.Navigate(url+"/live"))
	}
	t.until(`document.querySelector("#status").textContent === "live"`)
	return t
}

// run evaluates an expression, and waits for what it promises.
func (t *tab) run(expression string) {
	if t.err != nil {
		return
	}
	if _, t.err = chromedp.Run(t.ctx, chromedp.Evaluate[any](expression, chromedp.EvalAwaitPromise)); t.err != nil {
		t.err = fmt.Errorf("%s: %w", expression, t.err)
	}
}

// until waits until the page shows that an expression is true.
func (t *tab) until(expression string) {
	t.run(`new Promise((yes) => {
		const check = () => {
			if (!(` + expression + `)) return;
			watch.disconnect();
			yes(true);
		};
		const watch = new MutationObserver(check);
		watch.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
		check();
	})`)
}

func (t *tab) picture() (image.Image, error) {
	if t.err != nil {
		return nil, t.err
	}
	shot, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(shot))
}
