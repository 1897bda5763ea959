package bench

import (
	"math"
	"slices"
	"testing"
)

// Every slot's operations are the same in every run, in the shares of section
// 6.6.1; what follows is undone by the slot's next such operation, and no
// other's concerns the same follower.
func TestSocial(t *testing.T) {
	c := Case{Command: Mix, Outstanding: 8, Size: 100, Users: 300}
	people, err := LoadPeople(c)
	if err != nil {
		t.Fatal(err)
	}
	const each = 5000
	s, again := NewSocial(c, people), NewSocial(c, people)
	var count [5]int
	for slot := range c.Outstanding {
		var open *Op
		for range each {
			op := s.Next(slot)
			count[op.Action]++
			switch op.Action {
			case FollowUser:
				if open != nil || people.Follows(op.Key, op.Other) || op.Key == op.Other || int(op.Key)%c.Outstanding != slot {
					t.Fatalf("%+v after %+v", op, open)
				}
				open = &op
			case UnfollowUser:
				if open == nil || open.Key != op.Key || open.Other != op.Other {
					t.Fatalf("%+v after %+v", op, open)
				}
				open = nil
			}
			if int(op.Key) >= c.Users || len(op.Value) != c.Size || op.Slot != slot {
				t.Fatalf("%+v", op)
			}
		}
	}
	for slot := c.Outstanding - 1; slot >= 0; slot-- { // whatever the order of slots
		a, b := again.Next(slot), NewSocial(c, people).Next(slot)
		if a.Action != b.Action || a.Key != b.Key {
			t.Errorf("%+v, %+v", a, b)
		}
	}
	all := float64(each * c.Outstanding)
	for action, want := range map[Action]float64{ReadTimeline: 0.85, PostText: 0.075, FollowUser: 0.0375, UnfollowUser: 0.0375} {
		if got := float64(count[action]) / all; math.Abs(got-want) > 0.005 {
			t.Errorf("action %d: share %.4f, want %.4f", action, got, want)
		}
	}
}

// Pure workloads have one action, and a skew has some users act more than
// others.
func TestSocialSkew(t *testing.T) {
	for command, action := range map[string]Action{Timeline: ReadTimeline, TimelineRead: ReadTimeline, Post: PostText} {
		c := Case{Command: command, Outstanding: 1, Users: 100, Skew: 1.5}
		people, err := LoadPeople(c)
		if err != nil {
			t.Fatal(err)
		}
		s, times := NewSocial(c, people), make([]int, c.Users)
		for range 10_000 {
			op := s.Next(0)
			if op.Action != action {
				t.Fatalf("%s: %+v", command, op)
			}
			times[op.Key]++
		}
		if most := slices.Max(times); most < 2000 {
			t.Errorf("%s: the busiest user acts %d times of 10,000", command, most)
		}
	}
}
