package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// edges is a SNAP edge list to load, if there is one; otherwise a graph is
// generated.
const edges = "EYRIE_EDGES"

// TestPage: eyrie up, and people who use Chirper on a loaded graph, while one
// replica is stopped.
func TestPage(t *testing.T) {
	browser := launch(t)
	dir := t.TempDir()
	up := start(t, "up", "--dir", dir, "--web", "127.0.0.1:0")
	url := up.page(t)
	load(t, dir+"/eyrie.json", url)

	ann := open(t, browser, "ann", url, 1280, "light")
	ann.shows("#health", "all 6 replicas alive")
	ann.shows("#suggested button", "followers")
	ann.signIn(1)
	bob := open(t, browser, "bob", url, 360, "dark")
	bob.signIn(2)

	bob.types("#other", "1")
	bob.shows("#notice", "You follow user 1")
	bob.shows("#followed li", "1")
	ann.post("first: <img src=x onerror=alert(1)> & <b>text</b>")
	bob.shows("#posts li .text", "first: <img src=x onerror=alert(1)> & <b>text</b>")
	bob.shows("#posts li .by", "User 1")
	replied(t, ann, "post")
	replied(t, bob, "follow 1")
	early(ann)

	// The replica that orders partition 0's commands goes.
	ann.until("a coordinator is known", leader+" !== undefined")
	name := eval[string](ann, leader)
	ann.click(fmt.Sprintf("[data-process='%s'] button", name))
	for i := range 3 {
		text := fmt.Sprintf("one is gone, %d", i)
		ann.post(text)
		bob.shows("#posts li .text", text)
	}
	bob.shows(fmt.Sprintf("[data-process='%s'] .state", name), "dead")
	bob.shows("#health", "1 of 6 replicas not well")
	bob.shows("#live-news", "process "+name)
	ann.shot("wide")
	bob.shot("narrow")
	ann.click(fmt.Sprintf("[data-process='%s'] button", name))
	ann.shows("#health", "all 6 replicas alive")

	// Bob has had enough.
	bob.click("[aria-label='Unfollow user 1']")
	bob.shows("#notice", "no longer follow user 1")
	bob.until("without ann's posts", "![...document.querySelectorAll('#posts li .by')].some(e => e.textContent.startsWith('User 1 '))")
	for _, b := range []*tab{ann, bob} {
		steady(t, b)
		named(t, b)
		b.calm()
	}
}

// leader is the process that coordinates partition 0, as a JavaScript expression.
const leader = `[...document.querySelectorAll("[data-partition='0'] li")].find(e => e.textContent.includes('coordinator'))?.dataset.process`

// load loads a graph; users 1 and 2 are there at the end.
func load(t *testing.T, file, url string) {
	args := []string{"chirper", "load", "--cluster", file}
	if path := os.Getenv(edges); path != "" {
		args = append(args, path)
	}
	out := run(t, args...)
	t.Logf("eyrie %s: %.200s", strings.Join(args, " "), out)
	for _, user := range []string{"1", "2"} {
		call(t, url, "POST", "/users/"+user+"/join", "{}")
	}
}

// replied checks that both latencies of an action are shown, the optimistic one
// where services are executed so, and whether they agreed.
func replied(t *testing.T, b *tab, action string) {
	t.Helper()
	row := fmt.Sprintf(`[...document.querySelectorAll('#actions tr')].find(r => r.cells[0].textContent === %q)`, action)
	if late := eval[string](b, row+".cells[2].textContent"); !strings.HasSuffix(late, " ms") {
		t.Errorf("%s: %s: the conservative reply came after %q", b.name, action, late)
	}
	early, outcome := eval[string](b, row+".cells[1].textContent"), eval[string](b, row+".cells[3].textContent")
	switch {
	case strings.HasSuffix(early, " ms") && (outcome == "agreed" || outcome == "corrected"):
	case early == "–" && outcome == "final":
	default:
		t.Errorf("%s: %s: the optimistic reply came after %q, and the outcome is %q", b.name, action, early, outcome)
	}
	t.Logf("%s: %s: optimistic %s, conservative %s, %s", b.name, action, early, eval[string](b, row+".cells[2].textContent"), outcome)
}

// early reads the timeline until an optimistic reply has come first, once: on a
// busy machine it may well not.
func early(b *tab) {
	b.t.Helper()
	b.until("answered twice", `(() => {
		const rows = [...document.querySelectorAll('#actions tr')];
		if (rows.some(r => r.cells[1].textContent.endsWith(' ms') && ['agreed', 'corrected'].includes(r.cells[3].textContent))) return true;
		document.querySelector('#refresh:not([aria-busy])')?.click();
		return false;
	})()`)
}

// steady checks that the page is not wider than its window.
func steady(t *testing.T, b *tab) {
	t.Helper()
	if wide := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
		t.Errorf("%s: the page is %d pixels too wide", b.name, wide)
	}
}

// named checks that whatever can be used has a name for those who do not see it.
func named(t *testing.T, b *tab) {
	t.Helper()
	nameless := eval[[]string](b, `[...document.querySelectorAll('button, input, textarea, a, svg[role=img]')]
		.filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
		.map(e => e.outerHTML.slice(0, 100))`)
	if len(nameless) > 0 {
		t.Errorf("%s: without a name: %v", b.name, nameless)
	}
}
