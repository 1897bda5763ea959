package volery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

func newClient(t testing.TB) (*volery.Client, *ssmr.Machine) {
	t.Helper()
	m, err := ssmr.NewMachine(volery.Service)
	if err != nil {
		t.Fatal(err)
	}
	return volery.NewClient(m.Client()), m
}

// Every row of ZooKeeper's order of checks: where two of them fail, the
// earlier one is the answer. The tree: / , /p (version 1), /p/c, /empty.
func TestErrorPrecedence(t *testing.T) {
	ctx := context.Background()
	big := make([]byte, volery.MaxValue+1)
	long := "/" + strings.Repeat("x", volery.MaxPath)
	create := func(path string) func(*volery.Client) error {
		return func(c *volery.Client) error { _, err := c.Create(ctx, path, nil); return err }
	}
	remove := func(path string, version int32) func(*volery.Client) error {
		return func(c *volery.Client) error { return c.Delete(ctx, path, version) }
	}
	set := func(path string, version int32, data ...byte) func(*volery.Client) error {
		return func(c *volery.Client) error { _, err := c.SetData(ctx, path, data, version); return err }
	}
	get := func(path string) func(*volery.Client) error {
		return func(c *volery.Client) error { _, _, err := c.GetData(ctx, path); return err }
	}
	list := func(path string) func(*volery.Client) error {
		return func(c *volery.Client) error { _, _, err := c.GetChildren(ctx, path); return err }
	}
	exists := func(path string) func(*volery.Client) error {
		return func(c *volery.Client) error {
			_, ok, err := c.Exists(ctx, path)
			if err == nil && !ok {
				err = errors.New("absent")
			}
			return err
		}
	}
	for _, row := range []struct {
		name string
		call func(*volery.Client) error
		want error
	}{
		{"create: fine", create("/p/new"), nil},
		{"create: size before path", func(c *volery.Client) error { _, err := c.Create(ctx, "x", big); return err }, volery.ErrTooLarge},
		{"create: no slash", create("x"), volery.ErrBadArguments},
		{"create: empty path", create(""), volery.ErrBadArguments},
		{"create: NUL before parent", create("/none/a\x00"), volery.ErrBadArguments},
		{"create: too long", create(long), volery.ErrBadArguments},
		{"create: no parent", create("/none/a"), volery.ErrNoNode},
		{"create: relative without a slash in front", create("x/y"), volery.ErrNoNode},
		{"create: parent before path: /p//x", create("/p//x"), volery.ErrNoNode},
		{"create: parent before path: /p/../x", create("/p/../x"), volery.ErrNoNode},
		{"create: parent before path: /none/", create("/none/"), volery.ErrNoNode},
		{"create: path: /p/", create("/p/"), volery.ErrBadArguments},
		{"create: path: /p/..", create("/p/.."), volery.ErrBadArguments},
		{"create: path: //x", create("//x"), volery.ErrBadArguments},
		{"create: path: //", create("//"), volery.ErrBadArguments},
		{"create: path: control character", create("/p/\u0001"), volery.ErrBadArguments},
		{"create: exists", create("/p/c"), volery.ErrNodeExists},
		{"create: the root exists", create("/"), volery.ErrNodeExists},
		{"delete: fine", remove("/p/c", 0), nil},
		{"delete: any version", remove("/p/c", volery.AnyVersion), nil},
		{"delete: the root", remove("/", volery.AnyVersion), volery.ErrBadArguments},
		{"delete: no slash", remove("x", 0), volery.ErrBadArguments},
		{"delete: NUL", remove("/p/\x00", 0), volery.ErrBadArguments},
		{"delete: no parent", remove("/none/x", 0), volery.ErrNoNode},
		{"delete: no node", remove("/p/x", 0), volery.ErrNoNode},
		{"delete: an impossible node", remove("/p/", 0), volery.ErrNoNode},
		{"delete: version before children", remove("/p", 0), volery.ErrBadVersion},
		{"delete: version below any", remove("/p", -2), volery.ErrBadVersion},
		{"delete: children", remove("/p", 1), volery.ErrNotEmpty},
		{"delete: children, any version", remove("/p", volery.AnyVersion), volery.ErrNotEmpty},
		{"setData: fine", set("/p", 1), nil},
		{"setData: the root", set("/", 0, 'x'), nil},
		{"setData: size before path", set("x", 0, big...), volery.ErrTooLarge},
		{"setData: path before existence", set("/none//x", 0), volery.ErrBadArguments},
		{"setData: no node before version", set("/none", 7), volery.ErrNoNode},
		{"setData: version", set("/p", 0), volery.ErrBadVersion},
		{"setData: any version", set("/p", volery.AnyVersion), nil},
		{"getData: no node", get("/none"), volery.ErrNoNode},
		{"getData: an impossible node is no node", get("p"), volery.ErrNoNode},
		{"getData: the root", get("/"), nil},
		{"getChildren: no node", list("/none"), volery.ErrNoNode},
		{"getChildren: an impossible node is no node", list("/p/"), volery.ErrNoNode},
		{"getChildren: the root", list("/"), nil},
		{"exists: fine", exists("/p"), nil},
		{"exists: the root", exists("/"), nil},
		{"exists: NUL", exists("/p\x00"), volery.ErrBadArguments},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, _ := newClient(t)
			for _, path := range []string{"/p", "/p/c", "/empty"} {
				if _, err := c.Create(ctx, path, []byte("old")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.SetData(ctx, "/p", nil, 0); err != nil {
				t.Fatal(err)
			}
			err := row.call(c)
			if row.want == nil && err != nil || row.want != nil && !errors.Is(err, row.want) {
				t.Fatalf("got %v, want %v", err, row.want)
			}
			var e *volery.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%T does not say which call failed", err)
			}
		})
	}
}

// The limit that the client checks holds in the command too, for a client
// that does not.
func TestValueLimitInTheCommand(t *testing.T) {
	ctx := context.Background()
	_, m := newClient(t)
	big := make([]byte, volery.MaxValue+1)
	if _, err := volery.Create.Do(ctx, m.Client(), volery.CreateArg{Path: "/a", Data: big}); !errors.Is(err, volery.ErrTooLarge) {
		t.Errorf("create: %v", err)
	}
	if _, err := volery.SetData.Do(ctx, m.Client(), volery.SetArg{Path: "/", Data: big}); !errors.Is(err, volery.ErrTooLarge) {
		t.Errorf("setData: %v", err)
	}
	if _, err := volery.SetData.Do(ctx, m.Client(), volery.SetArg{Path: "/", Data: big[1:]}); err != nil {
		t.Errorf("setData of exactly the limit: %v", err)
	}
}

// ZooKeeper's rules for Stat, one step after the other.
func TestStat(t *testing.T) {
	ctx := context.Background()
	c, m := newClient(t)
	stat := func(path string) volery.Stat {
		t.Helper()
		m.Advance(5 * time.Millisecond)
		s, ok, err := c.Exists(ctx, path)
		if err != nil || !ok {
			t.Fatal(path, ok, err)
		}
		return s
	}
	if s := stat("/"); s != (volery.Stat{}) {
		t.Errorf("the root starts with %+v, want zeros", s)
	}
	made, err := c.Create(ctx, "/a", []byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	z := made.Czxid
	want := volery.Stat{Czxid: z, Mzxid: z, Pzxid: z, Ctime: z / 1000, Mtime: z / 1000, DataLength: 3}
	if made != want || stat("/a") != want {
		t.Errorf("created: %+v, then %+v, want %+v", made, stat("/a"), want)
	}
	root := stat("/")
	if root.Pzxid != z || root.Cversion != 1 || root.NumChildren != 1 || root.Version != 0 || root.Mzxid != 0 {
		t.Errorf("parent after a create: %+v", root)
	}
	set, err := c.SetData(ctx, "/a", []byte("12345"), 0)
	if err != nil {
		t.Fatal(err)
	}
	want.Mzxid, want.Mtime, want.Version, want.DataLength = set.Mzxid, set.Mzxid/1000, 1, 5
	if set != want || set.Mzxid <= z {
		t.Errorf("setData: %+v, want %+v", set, want)
	}
	if stat("/") != root {
		t.Errorf("setData of a child changed the parent: %+v", stat("/"))
	}
	// Three creates and one delete: cversion 4.
	for i := range 3 {
		if _, err := c.Create(ctx, fmt.Sprintf("/a/%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	before := stat("/a").Pzxid
	if err := c.Delete(ctx, "/a/1", 0); err != nil {
		t.Fatal(err)
	}
	s := stat("/a")
	if s.Cversion != 4 || s.NumChildren != 2 || s.Pzxid <= before || s.Mzxid != want.Mzxid || s.Version != 1 {
		t.Errorf("three creates and a delete: %+v", s)
	}
	// What failed changed nothing.
	c.Create(ctx, "/a/0", nil)
	c.Delete(ctx, "/a", volery.AnyVersion)
	if stat("/a") != s {
		t.Errorf("failed commands changed %+v to %+v", s, stat("/a"))
	}
	// A node that comes again begins anew.
	for _, path := range []string{"/a/0", "/a/2", "/a"} {
		if err := c.Delete(ctx, path, volery.AnyVersion); err != nil {
			t.Fatal(err)
		}
	}
	again, err := c.Create(ctx, "/a", nil)
	if err != nil || again.Cversion != 0 || again.Version != 0 || again.Pzxid != again.Czxid || again != stat("/a") {
		t.Errorf("created again: %+v %v, then %+v", again, err, stat("/a"))
	}
	if data, _, err := c.GetData(ctx, "/a"); err != nil || len(data) != 0 {
		t.Errorf("value of the former node: %q %v", data, err)
	}
}

func TestGetChildren(t *testing.T) {
	ctx := context.Background()
	c, _ := newClient(t)
	// Names around the separator's neighbourhood; "/a" and "/a b" share a prefix.
	for _, path := range []string{"/a", "/a b", "/a/z", "/a/b", "/a/b/c", "/a/0000000001", "/a b/x", "/a/B", "/a/é"} {
		if _, err := c.Create(ctx, path, nil); err != nil {
			t.Fatal(path, err)
		}
	}
	for path, want := range map[string][]string{
		"/": {"a", "a b"}, "/a": {"0000000001", "B", "b", "z", "é"}, "/a b": {"x"}, "/a/z": nil,
	} {
		names, stat, err := c.GetChildren(ctx, path)
		if err != nil || !slices.Equal(names, want) || int(stat.NumChildren) != len(want) {
			t.Errorf("%s: %q %+v %v, want %q", path, names, stat, err, want)
		}
	}
}

// The list of children stays within a reply, and room comes back.
func TestTooManyChildren(t *testing.T) {
	ctx := context.Background()
	c, _ := newClient(t)
	name := func(i int) string { return fmt.Sprintf("/%0*d-", 4000, i) }
	most := volery.MaxList / (len(name(0)) + volery.ListOverhead)
	for i := range most {
		if _, err := c.Create(ctx, name(i), nil); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := c.Create(ctx, name(most), nil); !errors.Is(err, volery.ErrTooManyChildren) {
		t.Fatalf("one too many: %v", err)
	}
	if _, err := c.Create(ctx, name(0), nil); !errors.Is(err, volery.ErrNodeExists) {
		t.Errorf("existence comes before room: %v", err)
	}
	names, _, err := c.GetChildren(ctx, "/")
	if err != nil || len(names) != most {
		t.Fatal(len(names), err)
	}
	if err := c.Delete(ctx, name(0), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, name(most), nil); err != nil {
		t.Errorf("after a delete: %v", err)
	}
}

func TestAsynchronousCalls(t *testing.T) {
	ctx := context.Background()
	c, _ := newClient(t)
	var calls []*volery.Call[volery.Stat]
	for i := range 50 {
		calls = append(calls, c.GoCreate(ctx, fmt.Sprintf("/n%d", i), []byte{byte(i)}))
	}
	for _, call := range calls {
		<-call.Done()
		if _, err := call.Result(ctx); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.GoGetData(ctx, "/n7").Result(ctx)
	if err != nil || !bytes.Equal(got.Data, []byte{7}) {
		t.Error(got, err)
	}
	failed := c.GoSetData(ctx, "/n7", make([]byte, volery.MaxValue+1), volery.AnyVersion)
	<-failed.Done()
	if _, err := failed.Result(ctx); !errors.Is(err, volery.ErrTooLarge) {
		t.Error(err)
	}
}
