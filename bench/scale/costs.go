package scale

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Costs are what one process's work costs in processor time, in nanoseconds,
// as measured by Calibrate on a real machine.
type Costs struct {
	Machine string `json:"machine"`
	Date    string `json:"date"`
	Version string `json:"version"`

	// Wake is what an idle process pays before it looks at its first input.
	Wake float64 `json:"wake_ns"`
	// Read is one read from one connection, whatever it brings; RecvMessage,
	// RecvByte and RecvEntry are what each message, byte, and message within
	// a batch cost beyond: checksum, decoding, the garbage of both.
	Read        float64 `json:"read_ns"`
	RecvMessage float64 `json:"recv_message_ns"`
	RecvByte    float64 `json:"recv_byte_ns"`
	RecvEntry   float64 `json:"recv_entry_ns"`
	// Write is one write to one connection; SendMessage and SendByte are
	// encoding, checksum and the kernel's copy.
	Write       float64 `json:"write_ns"`
	SendMessage float64 `json:"send_message_ns"`
	SendByte    float64 `json:"send_byte_ns"`
	// Propose and ProposeByte are what a coordinator's core does for each
	// message: admit it, batch it, encode and hash the batch; Batch is what
	// each batch costs beyond.
	Propose     float64 `json:"propose_ns"`
	ProposeByte float64 `json:"propose_byte_ns"`
	Batch       float64 `json:"batch_ns"`
	// Step is any other message in a core; StepEntry and StepByte count the
	// batch that it carries.
	Step      float64 `json:"step_ns"`
	StepEntry float64 `json:"step_entry_ns"`
	StepByte  float64 `json:"step_byte_ns"`
	// Deliver is one delivery: the merge, and the reply.
	Deliver float64 `json:"deliver_ns"`
	// What Chirper's commands cost at one replica: to get a timeline, to post,
	// and more to post for each timeline that is changed.
	Timeline float64 `json:"chirper_timeline_ns"`
	Post     float64 `json:"chirper_post_ns"`
	PostEach float64 `json:"chirper_post_each_ns"`
}

//go:embed costs.json
var committed []byte

// DefaultCosts are those committed with the source.
func DefaultCosts() (Costs, error) { return parseCosts(committed) }

// ReadCosts reads a file that Calibrate wrote.
func ReadCosts(file string) (Costs, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Costs{}, err
	}
	return parseCosts(b)
}

func parseCosts(b []byte) (Costs, error) {
	var c Costs
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("costs: %w", err)
	}
	return c, c.validate()
}

// validate refuses what cannot have been measured.
func (c *Costs) validate() error {
	for _, v := range []float64{c.Read, c.Write, c.Propose, c.Step, c.Deliver} {
		if !(v > 0 && v < 1e9) {
			return fmt.Errorf("costs: %v ns for a read, write, step or delivery is not a measurement", v)
		}
	}
	for _, v := range []float64{c.Wake, c.RecvMessage, c.RecvByte, c.RecvEntry, c.SendMessage, c.SendByte, c.ProposeByte, c.Batch, c.StepEntry, c.StepByte, c.Timeline, c.Post, c.PostEach} {
		if !(v >= 0 && v < 1e9) {
			return fmt.Errorf("costs: %v ns is not a measurement", v)
		}
	}
	return nil
}

// span is a time of so many nanoseconds.
func span(ns float64) time.Duration { return time.Duration(ns + 0.5) }
