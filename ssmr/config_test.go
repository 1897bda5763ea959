package ssmr

import (
	"strings"
	"testing"
	"time"
)

func TestConfigComplainsOfEverything(t *testing.T) {
	err := Config{
		Partitions: -1, Replicas: 2, FailureTimeout: -time.Second, Horizon: -1, Client: ClientConfig{Window: 1 << 20}, Execution: 7,
	}.Validate()
	for _, want := range []string{"Partitions is -1", "Replicas is 2", "FailureTimeout is -1s", "Horizon is -1ns", "Window is 1048576", "mode 7"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no complaint %q in: %v", want, err)
		}
	}
	for _, bad := range []Config{
		{Partitions: 1000, Replicas: 3}, {Partitions: 1 << 62, Replicas: 3}, {Replicas: -1},
		{Horizon: time.Nanosecond}, {Client: ClientConfig{Window: -1}},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	for _, good := range []Config{
		{}, {Partitions: 2}, {Partitions: 4, Replicas: 1}, {FailureTimeout: 200 * time.Millisecond},
		{Horizon: time.Hour}, {Client: ClientConfig{Window: 1000}}, {Execution: Baseline}, {Execution: Full},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}
