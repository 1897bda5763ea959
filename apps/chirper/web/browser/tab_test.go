package browser

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long anything may take on a busy machine.
const patience = 90 * time.Second

// launch starts Chromium, or skips the test.
func launch(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium here (Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return ctx
}

// tab is a page of its own, with its own storage: another person's browser.
type tab struct {
	t    *testing.T
	ctx  context.Context
	name string

	mu       sync.Mutex
	troubles []string // what the page's scripts threw, or complained about
}

func open(t *testing.T, browser context.Context, name, url string, width int64, scheme string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, name: name}
	messages := chromedp.Console(ctx)
	go b.listen(messages)
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	b.run("open", chromedp.EmulateViewport(width, 900), chromedp.Navigate(url))
	return b
}

// listen notes what the page's scripts threw or warned of, until the tab ends.
// An answer that refuses is no trouble.
func (b *tab) listen(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning || m.Type == chromedp.ConsoleError && m.Source != "network" {
			b.mu.Lock()
			b.troubles = append(b.troubles, m.Text)
			b.mu.Unlock()
		}
	}
}

func (b *tab) run(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %s: %v\n%s", b.name, what, err, b.text("#notice"))
	}
}

// eval evaluates an expression.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.t.Fatalf("%s: %s: %v", b.name, js, err)
	}
	return v
}

// text is an element's text; empty if there is none.
func (b *tab) text(selector string) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.textContent ?? ''", selector)))
	return text
}

// until waits for a condition in the page.
func (b *tab) until(what, js string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](js, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(0))); err != nil {
		b.t.Fatalf("%s: not %s: %s: %v\nnotice: %s\nactions: %s\nlive: %s", b.name, what, js, err, b.text("#notice"), b.text("#actions"), b.text("#partitions"))
	}
}

// shows waits for an element whose text contains a text.
func (b *tab) shows(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("showing %q in %s", text, selector), fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))", selector, text))
}

// fills types into a field, instead of what is there.
func (b *tab) fills(selector, text string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("(document.querySelector(%q).value = '') === ''", selector))
	b.run("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// types types into a field, and presses Enter behind it.
func (b *tab) types(selector, text string) {
	b.t.Helper()
	b.fills(selector, text+"\r")
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.run("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) signIn(user int) {
	b.t.Helper()
	b.types("#user", fmt.Sprint(user))
	b.shows("#me-title", fmt.Sprintf("User %d", user))
	b.until("the timeline has been read", "document.querySelector('#timeline-state').textContent.includes('confirmed') || document.querySelectorAll('#posts li').length > 0")
}

// post posts by the mouse, and waits until it is confirmed.
func (b *tab) post(text string) {
	b.t.Helper()
	b.fills("#text", text)
	b.click("#post-button")
	b.shows("#notice", "Posted")
	b.shows("#posts li .text", text)
}

// calm says that the page has had no troubles.
func (b *tab) calm() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.troubles) > 0 {
		b.t.Errorf("%s: the page complained:\n%s", b.name, strings.Join(b.troubles, "\n"))
	}
}

// shot writes a picture of the page to the directory that EYRIE_SHOTS names, if
// it names one, for people to look at.
func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("EYRIE_SHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}
