package main

import (
	"errors"
	"image"
)

// twoTabs is one session in two tabs: what is picked in the left one has just moved the right one.
func twoTabs(b *browser, url string) ([]image.Image, error) {
	left, right := b.open(url, 620, 860, "light"), b.open(url, 620, 860, "light")
	defer left.close()
	defer right.close()
	for _, t := range []*tab{left, right} {
		t.until(`document.querySelector("#tabs").textContent === "2"`)
	}
	right.run(`document.querySelector('button[data-fruit="blueberries"]').click()`)
	left.until(`document.querySelector("#fruit").textContent === "blueberries"`)
	left.run(`fetch("/session", { method: "PATCH", headers: { "Content-Type": "application/merge-patch+json" }, body: '{"cart":{"apples":3}}' })`)
	left.until(`document.querySelector('tr[data-key="cart"] .who')?.textContent.startsWith("http")`)
	left.run(`document.querySelector('button[data-fruit="cherries"]').click()`)
	for _, t := range []*tab{left, right} {
		t.until(`document.querySelector("#version").textContent === "3" && document.querySelector("#pending").textContent === "0"`)
	}
	return pictures(left, right)
}

// lookingBack is one tab in the dark, with a change opened and the session as it was then.
func lookingBack(b *browser, url string) ([]image.Image, error) {
	t := b.open(url, 1240, 860, "dark")
	defer t.close()
	t.run(`(async () => {
		const { open } = await import("/seshd.js");
		window.other = open();
		await other.apply({ merge: { cart: { apples: 4, plums: 1 } } });
		await fetch("/blueberries");
		await other.incr("visits");
	})()`)
	t.until(`document.querySelector("#version").textContent === "6" && document.querySelectorAll("#tab-list li").length === 2`)
	t.run(`document.querySelector("#timeline li:nth-child(3) details").open = true`)
	t.until(`document.querySelector(".look-back")`)
	t.run(`document.querySelector(".look-back").click()`)
	t.until(`!document.querySelector("#past").hidden && document.querySelectorAll(".level").length === 2`)
	return pictures(t)
}

func pictures(tabs ...*tab) (images []image.Image, err error) {
	for _, t := range tabs {
		picture, failed := t.picture()
		images, err = append(images, picture), errors.Join(err, failed)
	}
	return images, err
}
